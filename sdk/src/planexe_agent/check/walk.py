"""The order of the probes, and the walk along them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Final

from planexe_agent.check import agents, server, work
from planexe_agent.check.line import Line, connected
from planexe_agent.check.scene import Options, Scene
from planexe_agent.check.verdicts import OK, Judgement, Skipped, Verdict, Wrong

if TYPE_CHECKING:
    from collections.abc import Generator

Probe = Callable[[Scene], str]

PROBES: Final[dict[str, Probe]] = {
    "address": server.address,
    "health": server.health,
    "version": server.version,
    "clock": server.clock,
    "headers": server.headers,
    "freshness": server.freshness,
    "key": agents.key,
    "your agent": agents.own_agent,
    "capabilities": agents.capabilities,
    "registration": agents.registration,
    "agent's key": agents.agent_key,
    "idle poll": server.idle_poll,
    "plan": work.plan,
    "wake-up": work.wake_up,
    "lease": work.lease,
    "report": work.report,
    "repeat": work.repeat,
    "heartbeat": work.heartbeat,
    "stale lease": work.stale,
    "refusal": work.refusal,
    "next task": work.next_task,
    "batch": work.batch,
    "note": work.note,
    "stream": work.stream,
    "cancel": work.cancel,
}


def walk(options: Options) -> Generator[Verdict, None, None]:
    """Look at one thing after the other; remove at the end what was made, however it ends."""
    with connected(options.url) as http:
        yield from _walked(Scene(options, Line(http, options.key)))


def _walked(scene: Scene) -> Generator[Verdict, None, None]:
    try:
        for name, probe in PROBES.items():
            verdict, final = _judged(name, probe, scene)
            yield verdict
            if final:
                yield Verdict("the rest", Skipped.state, f"needs what is wrong with: {name}")
                break
    finally:
        removed, _ = _judged("clean-up", Scene.clean_up, scene)
    yield removed
    yield _judged("patience", server.patience, scene)[0]


def _judged(name: str, probe: Probe, scene: Scene) -> tuple[Verdict, bool]:
    try:
        return Verdict(name, OK, probe(scene)), False
    except Judgement as judgement:
        verdict = Verdict(name, judgement.state, judgement.said, judgement.to_do)
        return verdict, judgement.final
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # What arrives is somebody else's: an answer of another shape is a verdict, no crash.
        said = f"the answer has another shape: {type(error).__name__} {error}"
        return Verdict(name, Wrong.state, said, "Bring the server up to date."), False
