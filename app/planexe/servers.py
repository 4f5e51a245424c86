"""The PlanExe server of an installation, of whichever kind it is."""

from http import HTTPStatus
from typing import Final

from app.planexe.cloud import Cloud
from app.planexe.connection import Connection
from app.planexe.source import PlanSource, RecognisedServer
from app.planexe.worker import Worker

CLOUD_REQUESTS_PER_MINUTE: Final = 60


def open_source(url: str, api_key: str | None, kind: str, model: str) -> PlanSource:
    """Give a way to a server; nothing is asked of it yet.

    Args:
        url: Its address.
        api_key: Where it wants one.
        kind: ``cloud``, ``worker``, or anything else to find out at first use.
        model: What a worker shall write plans with, by its own name.
    """
    headers = {"X-API-Key": api_key} if api_key else {}
    tools = Connection(url, headers, per_minute=CLOUD_REQUESTS_PER_MINUTE)
    runs = Connection(url, headers)
    cloud, worker = Cloud(tools), Worker(runs, model)
    if kind == "cloud":
        return cloud
    if kind == "worker":
        return worker
    return RecognisedServer(
        cloud, worker, lambda: runs.status("/mcp/tools") != HTTPStatus.NOT_FOUND
    )
