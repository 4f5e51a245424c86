"""Probes of the server, for which any key will do: is it there, is it ours, does it keep time."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from planexe_agent.check.verdicts import Doubt, Wrong

if TYPE_CHECKING:
    from planexe_agent.check.scene import Scene

_PRODUCT: Final = "PlanExe-AX"
_SKEW_SECONDS: Final = 5.0
_SPARE_SECONDS: Final = 10.0
_EARLIEST: Final = 0.8
_LATEST_SECONDS: Final = 2.0


def address(scene: Scene) -> str:
    """Something answers there, and it is a PlanExe-AX server."""
    try:
        reply = scene.line.ask("GET", "/healthz", 200)
    except Wrong as wrong:
        raise Wrong(wrong.said, wrong.to_do, final=True) from wrong
    if reply.body.get("status") != "ok":
        raise Wrong(
            f"something else than {_PRODUCT} answers: GET /healthz gave {reply.told()}",
            f"Give the address of the {_PRODUCT} server, with its port.",
            final=True,
        )
    return f"{scene.options.url} answers in {reply.seconds * 1000:.0f} ms"


def health(scene: Scene) -> str:
    """Its database and its Redis answer it."""
    reply = scene.line.send("GET", "/readyz")
    if reply.status != HTTPStatus.OK:
        missing = reply.body.get("missing") or [reply.told()]
        raise Wrong(
            f"it lacks {', '.join(map(str, missing))}",
            "Start or mend what is missing; agents that poll meanwhile get 503 and come back.",
            final=True,
        )
    return "its database and its Redis answer"


def version(scene: Scene) -> str:
    """It tells which contract it speaks."""
    info = scene.line.ask("GET", "/api/openapi.json", 200).body.get("info") or {}
    if info.get("title") != _PRODUCT:
        raise Wrong(
            "/api/openapi.json is not that of " + _PRODUCT, "Check the address.", final=True
        )
    return f"{_PRODUCT}, contract version {info.get('version')}"


def clock(scene: Scene) -> str:
    """Its clock and this machine's agree."""
    reply = scene.line.ask("GET", "/healthz", 200)
    date = reply.headers.get("date")
    if date is None:
        raise Doubt("no Date header", "Let the proxy keep it: agents tell leases' ends by it.")
    # The header is cut to whole seconds.
    ahead = parsedate_to_datetime(date).timestamp() + 0.5 - reply.at
    if abs(ahead) > _SKEW_SECONDS:
        raise Doubt(
            f"the server's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} "
            "this machine's",
            "Set the clocks by NTP. Reckon with the Date header, not with your own clock.",
        )
    return f"apart by {abs(ahead):.1f} s"


def headers(scene: Scene) -> str:
    """Answers and refusals arrive as the server writes them."""
    reply = scene.line.with_key("").send("GET", "/api/agents")
    if reply.problem != "unauthorized":
        raise Wrong(
            f"a request without key gave {reply.told()}, not the problem document "
            "'unauthorized' of the contract",
            "Let the proxy pass error pages on, and add no login of its own.",
        )
    return "refusals are problem documents"


def freshness(scene: Scene) -> str:
    """Each request reaches the server: its id comes back, and not that of an earlier one."""
    sent = [scene.new_id("check") for _ in range(2)]
    came = [_request_id(scene, each) for each in sent]
    if came[0] != sent[0]:
        raise Wrong("X-Request-ID does not come back", "Let the proxy pass it on, both ways.")
    if came[1] != sent[1]:
        raise Wrong(
            "a request got the answer of an earlier one",
            "Let the proxy cache nothing below /api.",
            final=True,
        )
    return "X-Request-ID comes back, and nothing is cached"


def _request_id(scene: Scene, sent: str) -> str | None:
    reply = scene.line.send("GET", "/api/agents?limit=1", headers={"X-Request-ID": sent})
    return reply.headers.get("x-request-id")


def patience(scene: Scene) -> str:
    """Nobody asked for patience during the walk; where somebody did, by ``Retry-After``."""
    told = scene.line.patience
    if told:
        raise Doubt(
            f"{len(told)} times: {', '.join(sorted(set(told)))}",
            "Agents wait as long as Retry-After says, in whole seconds, and send the same again.",
        )
    return "nothing answered 429 or 503"


def idle_poll(scene: Scene) -> str:
    """A poll without work is held as long as it asked for, by everybody on the way."""
    asked = scene.options.poll_seconds
    line, began = scene.agent(), time.monotonic()
    reply = line.ask("GET", scene.poll_path(asked), 200, 204, seconds=asked + _SPARE_SECONDS)
    seconds = time.monotonic() - began
    if reply.status == HTTPStatus.OK:
        raise Doubt(
            "the agent holds a lease, and got it again at once: how long polls are held could "
            "not be measured",
            "Try again when the agent is idle.",
        )
    if seconds < asked * _EARLIEST:
        raise Wrong(
            f"answered after {seconds:.1f} s, though it asked to wait {asked:g} s",
            "Let the proxy pass the query on and cache nothing below /api.",
        )
    if seconds > asked + _LATEST_SECONDS:
        raise Doubt(f"held {seconds:.1f} s instead of {asked:g} s", "Something holds answers back.")
    return f"held {seconds:.1f} s, as asked"
