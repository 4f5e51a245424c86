"""What becomes of each timer while its execution is paused, as the page says."""

import datetime as dt
import pathlib
import re
from collections.abc import Callable

import pytest

from app.domain import commands as c
from app.domain.events import Event, EventType
from tests.executions import AGENT, NOON, Play, make_graph, report, started, step, types
from tests.walk import next_due

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "state-machine.md"
USER = {"actor": "user:1"}
HOUR = dt.timedelta(hours=1)


def paused() -> Play:
    """Play to a pause during which ``a`` is leased, ``b`` in back-off, ``d`` waits outside."""
    play = started(make_graph({"t": [step(one, timeout_hours=1.0) for one in "abd"]}))
    play.claim("a", "b", "d")
    play.fail("b")
    play.do(report(EventType.TASK_BLOCKED, "d"))
    play.do(c.PauseExecution(**USER))
    return play


def lease(play: Play) -> list[Event]:
    return play.do(c.ExpireLease(subtask_id="a", lease_token=play.token("a")))


def delay(play: Play) -> list[Event]:
    return play.await_due("d")


def timeout(play: Play) -> list[Event]:
    play.now = NOON + HOUR
    return play.do(c.TimeOutSubtask(subtask_id="b"))


def limit(play: Play) -> list[Event]:
    return play.do(c.TimeOutExecution(hours=168))


def offline(play: Play) -> list[Event]:
    return play.do(c.NoteAgentOffline(agent_id=AGENT, last_contact_at=NOON))


KINDS: dict[str, Callable[[Play], list[Event]]] = {
    one.__name__: one for one in (lease, delay, timeout, limit, offline)
}


def told() -> dict[str, list[str]]:
    """Read from the page which events each timer leads to."""
    rows = PAGE.read_text().partition("\n## Timers\n")[2]
    found = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", rows, re.MULTILINE)
    return {kind: re.findall(r"`(\w+)`", events) for kind, events in found}


def test_the_page_tells_of_every_timer() -> None:
    assert set(told()) == {*KINDS, "retire"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_timer_is_frozen_by_a_pause(kind: str) -> None:
    play = paused()
    events = KINDS[kind](play)
    assert types(events) == told()[kind]
    assert play.status == ("FAILED" if kind == "limit" else "PAUSED")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "limit"])
def test_whatever_a_timer_led_to_goes_on_after_the_resume(kind: str) -> None:
    play = paused()
    KINDS[kind](play)
    play.do(c.ResumeExecution(**USER))
    if kind == "offline":
        assert play.status == "BLOCKED"
        play.do(c.NoteAgentOnline(agent_id=AGENT))
    while due := next_due(play.state):
        play.now = max(play.now, due)
        for one, subtask in play.state.subtasks.items():
            if subtask.due_at and subtask.due_at <= play.now:
                play.do(c.EndDelay(subtask_id=one))
            if play.subtask(one).lease is None and play.subtask(one).status == "READY":
                play.claim(one)
            if play.subtask(one).lease:
                play.do(report(EventType.TASK_COMPLETE, one))
            if play.subtask(one).status == "BLOCKED" and not play.subtask(one).due_at:
                play.do(c.SkipSubtask(**USER, subtask_id=one, reason="late"))
    assert play.status == "COMPLETED"
