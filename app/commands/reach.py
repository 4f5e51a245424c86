"""How a command reaches the servers: those that are set, those of a run, or its own for a while."""

import json
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from app.domain.errors import DomainError
from app.embedded.errors import FolderInUse, StartError
from app.embedded.servers import running_servers
from config.settings import Settings


@contextmanager
def reach(settings: Settings) -> Generator[Settings]:
    """Give settings with the addresses of both servers, valid while the context lasts.

    Where none are set and no run serves from the data folder, its servers are started without any
    other program, and ended with the context.

    Raises:
        StartError: There is no data folder, or its servers cannot be started or found.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    if not (settings.data_dir / "version").exists():
        raise StartError(
            f"There is no installation in {settings.data_dir}. Name its folder with --data-dir, "
            "or set DATABASE_URL and REDIS_URL."
        )
    with ExitStack() as stack:
        try:
            urls = stack.enter_context(
                running_servers(settings.data_dir, settings.database_url, settings.redis_url)
            )
            found = {"database_url": urls.database_url, "redis_url": urls.redis_url}
        except FolderInUse as error:
            found = _of_run(settings, error)
        yield replace(settings, **found)


@contextmanager
def told() -> Generator[None]:
    """Tell a refusal as a command does: in a sentence, without a traceback.

    Raises:
        StartError: What was asked for is refused.
    """
    try:
        yield
    except DomainError as error:
        raise StartError(str(error)) from error


def _of_run(settings: Settings, in_use: FolderInUse) -> dict[str, str]:
    try:
        return json.loads((settings.data_dir / "servers.json").read_text())
    except OSError:
        raise StartError(f"{in_use} It does not serve yet; try again in a moment.") from in_use
