"""Each timeout: its setting, the moment it comes, its event, and what it leads to."""

import dataclasses
import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from app.domain.errors import ApprovalRequired
from app.domain.events import EventType
from app.record.errors import RecordUnavailable
from app.services import Services, upkeep
from app.services.identity import Principal
from config.settings import Settings

from ..stage import Process, Stage, TurnedClock, wide_plan
from .test_decomposition import VAGUE

NEVER_LOST = {"lease_seconds": 604_800}
NEVER_OFFLINE = {"agent_offline_minutes": 10_080}
A_MOMENT = dt.timedelta(seconds=1)
SWEEPERS = 10


class StandingClock(TurnedClock):
    """Stands until it is turned, so that a moment before is not the moment itself."""

    def __init__(self) -> None:
        super().__init__()
        self._stands_at = dt.datetime.now(dt.UTC).replace(microsecond=0)

    def __call__(self) -> dt.datetime:
        return self._stands_at + self._ahead


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings that are not at their defaults."""
    return {}


@pytest.fixture
def settings(settings: Settings, changes: dict[str, Any]) -> Settings:
    return dataclasses.replace(settings, **changes)


@pytest.fixture(autouse=True)
def longest_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the longest of each back-off: chance takes all of it, and not a part."""
    monkeypatch.setattr("random.random", lambda: 1.0)


def started(stage: Stage, **step: Any) -> tuple[Principal, str]:
    """Start a plan of one subtask."""
    agent = stage.agent()
    return agent, stage.execution(agent, wide_plan(1, **step))


def leased(stage: Stage) -> str:
    """Let an agent take a subtask."""
    agent, execution_id = started(stage)
    assert stage.poll(agent)
    return execution_id


def reported(stage: Stage, event_type: EventType, **fields: Any) -> str:
    """Let an agent take a subtask and report on it."""
    agent, execution_id = started(stage)
    assert stage.poll(agent)
    stage.report(agent, execution_id, event_type, "t0s0", **fields)
    return execution_id


def failed(stage: Stage) -> str:
    return reported(stage, EventType.TASK_ERROR, error_type="network")


def waiting(stage: Stage) -> str:
    return reported(stage, EventType.TASK_BLOCKED)


def waiting_long(stage: Stage) -> str:
    # The next look would be after the last moment, so that it comes at the last moment.
    return reported(stage, EventType.TASK_BLOCKED, retry_after_seconds=10_000_000.0)


def untouched(stage: Stage) -> str:
    return started(stage)[1]


@dataclasses.dataclass(frozen=True)
class Timeout:
    """How it begins, the event it makes, and where subtask and execution stand after it."""

    begin: Callable[[Stage], str]
    event_type: EventType
    subtask: str
    cause: str
    execution: str


TIMEOUTS = {
    "lease": Timeout(leased, EventType.LEASE_EXPIRED, "RETRYING", "retry_later", "RUNNING"),
    "back-off": Timeout(failed, EventType.TASK_READY, "READY", "queued", "RUNNING"),
    "external wait": Timeout(waiting, EventType.TASK_READY, "READY", "queued", "RUNNING"),
    "wait in vain": Timeout(
        waiting_long, EventType.BLOCKER_OPENED, "BLOCKED", "human_input", "BLOCKED"
    ),
    "subtask": Timeout(
        leased, EventType.BLOCKER_OPENED, "BLOCKED", "attempts_exhausted", "BLOCKED"
    ),
    "agent": Timeout(untouched, EventType.AGENT_OFFLINE, "READY", "agent_offline", "BLOCKED"),
    "execution": Timeout(untouched, EventType.EXECUTION_FAILED, "QUEUED", "human_input", "FAILED"),
}

CASES: list[tuple[str, dict[str, Any], dt.timedelta]] = [
    ("lease", {}, dt.timedelta(minutes=15)),
    ("lease", {"lease_seconds": 1200}, dt.timedelta(minutes=20)),
    ("back-off", {}, dt.timedelta(minutes=5)),
    ("back-off", {"backoff_seconds": 40}, dt.timedelta(seconds=40)),
    ("external wait", {}, dt.timedelta(minutes=5)),
    ("external wait", {"wait_first_check_seconds": 90}, dt.timedelta(seconds=90)),
    ("wait in vain", NEVER_OFFLINE, dt.timedelta(hours=48)),
    ("wait in vain", {"wait_longest_hours": 0.25}, dt.timedelta(minutes=15)),
    ("subtask", NEVER_LOST | NEVER_OFFLINE, dt.timedelta(hours=24)),
    ("subtask", {"subtask_timeout_hours": 0.2}, dt.timedelta(minutes=12)),
    ("agent", {}, dt.timedelta(minutes=30)),
    ("agent", {"agent_offline_minutes": 7.5}, dt.timedelta(minutes=7.5)),
    ("execution", NEVER_OFFLINE, dt.timedelta(hours=168)),
    ("execution", {"execution_timeout_hours": 0.4}, dt.timedelta(minutes=24)),
]


PAUSED_FOR = {
    "lease": dt.timedelta(minutes=10),
    "back-off": dt.timedelta(minutes=5),
    "external wait": dt.timedelta(minutes=5),
    "wait in vain": dt.timedelta(minutes=6),
    "subtask": dt.timedelta(minutes=12),
    "agent": dt.timedelta(minutes=30),
    "execution": dt.timedelta(hours=168),
}
AFTER_THE_PAUSE = {
    "lease": None,
    "back-off": ("run", 2),
    "external wait": ("check", 1),
    "wait in vain": None,
    "subtask": None,
    "agent": ("run", 1),
}


def count(stage: Stage, execution_id: str, event_type: EventType) -> int:
    return len(stage.seqs(execution_id, event_type=event_type))


def sweep(stage: Stage) -> None:
    stage.services.upkeep.sweep(stage.workspace_id)


def control(stage: Stage, execution_id: str, status: str) -> None:
    stage.services.executions.control(stage.owner, execution_id, {"status": status})


def test_defaults_are_those_of_the_design() -> None:
    chosen = Settings()
    assert dataclasses.asdict(chosen) | {
        "lease_seconds": 15 * 60,
        "heartbeat_interval_seconds": 5 * 60,
        "agent_offline_minutes": 30,
        "subtask_timeout_hours": 24,
        "max_attempts": 3,
        "backoff_seconds": 5 * 60,
        "max_backoff_seconds": 60 * 60,
        "wait_first_check_seconds": 5 * 60,
        "wait_longest_check_seconds": 6 * 3600,
        "wait_longest_hours": 48,
        "execution_timeout_hours": 168,
        "confidence_threshold": 0.8,
        "approval_words": "send,call,sign,pay,publish,delete",
    } == dataclasses.asdict(chosen)


@pytest.mark.parametrize(("name", "changes", "lasts"), CASES)
def test_timeout_comes_at_its_time_and_not_before(
    stage: Stage, clock: StandingClock, name: str, lasts: dt.timedelta
) -> None:
    timeout = TIMEOUTS[name]
    execution_id = timeout.begin(stage)
    before = stage.seqs(execution_id)
    already = count(stage, execution_id, timeout.event_type)

    clock.advance(seconds=(lasts - A_MOMENT).total_seconds())
    sweep(stage)
    assert stage.seqs(execution_id) == before

    clock.advance(seconds=A_MOMENT.total_seconds())
    sweep(stage)
    after = stage.seqs(execution_id)
    assert count(stage, execution_id, timeout.event_type) == already + 1
    row = stage.subtask(execution_id, "t0s0")
    assert (row["status"], row["why"]["cause"]) == (timeout.subtask, timeout.cause)
    assert stage.status(execution_id) == timeout.execution

    sweep(stage)
    assert stage.seqs(execution_id) == after


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"max_attempts": 8}, [300, 600, 1200, 2400, 3600, 3600]),
        ({"max_attempts": 8, "backoff_seconds": 20, "max_backoff_seconds": 50}, [20, 40, 50, 50]),
    ],
)
def test_back_off_doubles_up_to_its_ceiling(
    stage: Stage, clock: StandingClock, seconds: list[int]
) -> None:
    agent, execution_id = started(stage)
    for attempt, delay in enumerate(seconds, 1):
        work = stage.poll(agent)
        assert work
        assert work["next_task"]["attempt"] == attempt
        stage.report(agent, execution_id, EventType.TASK_ERROR, "t0s0", error_type="network")
        assert stage.subtask(execution_id, "t0s0")["due_at"] - clock() == dt.timedelta(
            seconds=delay
        )
        clock.advance(seconds=delay)
        sweep(stage)


def test_back_off_is_spread_over_all_of_its_time(
    stage: Stage, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for drawn, delay in ((0.0, 0), (0.5, 150), (1.0, 300)):
        monkeypatch.setattr("random.random", lambda drawn=drawn: drawn)
        execution_id = failed(stage)
        due_at = stage.subtask(execution_id, "t0s0")["due_at"]
        assert due_at - clock() == dt.timedelta(seconds=delay)


@pytest.mark.parametrize(("changes", "attempts"), [({}, 3), ({"max_attempts": 1}, 1)])
def test_last_attempt_that_fails_has_a_person_asked(
    services: Services, stage: Stage, clock: StandingClock, attempts: int
) -> None:
    agent, execution_id = started(stage)
    for _ in range(attempts):
        assert stage.status(execution_id) in ("QUEUED", "RUNNING")
        assert stage.poll(agent)
        error = {"error_type": "network", "error_message": "no route"}
        stage.report(agent, execution_id, EventType.TASK_ERROR, "t0s0", **error)
        clock.advance(minutes=20)
        sweep(stage)

    assert stage.status(execution_id) == "BLOCKED"
    (item,) = services.inbox.page(stage.workspace_id).items
    assert (item["kind"], item["task_id"]) == ("attempts_exhausted", "t0s0")
    assert "no route" in item["message"]


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, [300, 600, 1200, 2400, 4800, 9600, 19_200, 21_600, 21_600]),
        ({"wait_first_check_seconds": 60, "wait_longest_check_seconds": 100}, [60, 100, 100]),
    ],
)
def test_external_wait_is_looked_at_later_and_later_up_to_a_longest_time(
    stage: Stage, clock: StandingClock, seconds: list[int]
) -> None:
    agent, execution_id = started(stage)
    for delay in seconds:
        assert stage.poll(agent)
        stage.report(agent, execution_id, EventType.TASK_BLOCKED, "t0s0")
        clock.advance(seconds=delay - 1)
        sweep(stage)
        assert stage.subtask(execution_id, "t0s0")["status"] == "BLOCKED"
        clock.advance(seconds=1)
        sweep(stage)
        assert stage.subtask(execution_id, "t0s0")["status"] == "READY"


@pytest.mark.parametrize(("changes", "lasts"), [({}, 60), ({"finished_grace_seconds": 600}, 600)])
def test_recorded_execution_leaves_redis_after_its_grace(
    services: Services, stage: Stage, clock: StandingClock, redis_url: str, lasts: int
) -> None:
    agent, execution_id = started(stage)
    stage.carry_out(agent)
    for _ in range(2):  # The first time only begins the log's group of readers.
        services.persistence.drain(stage.workspace_id, dt.timedelta())

    def is_live() -> bool:
        with redis.Redis.from_url(redis_url) as client:
            return bool(client.exists(f"ax:{{{stage.workspace_id}}}:x:{execution_id}"))

    clock.advance(seconds=lasts - 1)
    sweep(stage)
    assert is_live()
    clock.advance(seconds=1)
    sweep(stage)

    assert not is_live()
    assert stage.status(execution_id) == "COMPLETED"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "agent_poll_interval_seconds": 20,
            "long_poll_max_seconds": 10,
            "heartbeat_interval_seconds": 60,
            "lease_seconds": 240,
        },
    ],
)
def test_agents_are_told_the_times_that_are_set(
    services: Services, settings: Settings, owner: Principal
) -> None:
    told = services.agents.register(owner, {"name": "A", "capabilities": [{"action": "noop"}]})
    for name in (
        "agent_poll_interval_seconds",
        "long_poll_max_seconds",
        "heartbeat_interval_seconds",
        "lease_seconds",
    ):
        assert told[name.removeprefix("agent_")] == getattr(settings, name)


@pytest.mark.parametrize(
    ("changes", "status"), [({}, "NEEDS_REVIEW"), ({"confidence_threshold": 0.0}, "READY")]
)
def test_breakdown_below_the_threshold_waits_for_review(
    services: Services, stage: Stage, status: str
) -> None:
    plan_id = stage.plan(VAGUE)
    assert services.plans.get(stage.workspace_id, plan_id)["status"] == status
    if status == "NEEDS_REVIEW":
        request = {"plan_id": plan_id, "agent_id": stage.agent().agent_id}
        with pytest.raises(ApprovalRequired):
            services.executions.create(stage.owner, request)


@pytest.mark.parametrize(
    ("changes", "risky"), [({}, "send_email"), ({"approval_words": "dig,burn"}, "burn_down")]
)
def test_action_with_one_of_the_words_waits_for_approval(stage: Stage, risky: str) -> None:
    found: dict[str, str] = {}
    for action in ("send_email", "burn_down"):
        agent = stage.agent(capabilities=[{"action": "*"}])
        execution_id = stage.execution(agent, wide_plan(1, action=action))
        found[action] = stage.subtask(execution_id, "t0s0")["status"]
        assert (stage.poll(agent) is None) is (action == risky)
    assert found == {"send_email": "READY", "burn_down": "READY"} | {risky: "BLOCKED"}


def contact_by_poll(stage: Stage, agent: Principal, _: str) -> None:
    stage.poll(agent)


def contact_by_heartbeat(stage: Stage, agent: Principal, execution_id: str) -> None:
    stage.report(agent, execution_id, EventType.HEARTBEAT, None)  # type: ignore[arg-type]


def contact_by_event(stage: Stage, agent: Principal, execution_id: str) -> None:
    stage.report(agent, execution_id, EventType.NOTE, "t0s0", message="I am here.")


@pytest.mark.parametrize("contact", [contact_by_poll, contact_by_heartbeat, contact_by_event])
def test_first_contact_of_a_silent_agent_lets_all_its_executions_go_on(
    services: Services,
    stage: Stage,
    clock: StandingClock,
    contact: Callable[[Stage, Principal, str], None],
) -> None:
    agent = stage.agent()
    held = [stage.execution(agent, wide_plan(2)) for _ in range(2)]
    assert stage.poll(agent)
    clock.advance(minutes=30)
    sweep(stage)
    inbox = services.inbox.page(stage.workspace_id).items
    offline = [one for one in inbox if one["kind"] == "agent_offline"]
    assert {one["execution_id"] for one in offline} == set(held)
    assert all("reassign" in one["next_step_options"] for one in offline)
    assert [stage.status(one) for one in held] == ["BLOCKED", "BLOCKED"]

    contact(stage, agent, held[0])

    assert [stage.status(one) for one in held] == ["RUNNING", "RUNNING"]
    assert services.inbox.page(stage.workspace_id).items == []
    for execution_id in held:
        assert count(stage, execution_id, EventType.AGENT_ONLINE) == 1
        (blocker,) = services.blockers.page(stage.workspace_id, execution_id).items
        assert (blocker["resolution"], blocker["resolved_by"]) == (
            "agent_online",
            f"agent:{agent.agent_id}",
        )

    clock.advance(minutes=30)
    sweep(stage)
    assert [count(stage, one, EventType.AGENT_OFFLINE) for one in held] == [2, 2]


def test_contact_about_the_work_of_another_lets_the_own_executions_go_on(
    stage: Stage, clock: StandingClock
) -> None:
    helper, lead = stage.agent(), stage.agent()
    own = stage.execution(helper, wide_plan(1))
    document = wide_plan(1)
    document["phases"][0]["tasks"][0]["agent_id"] = helper.agent_id
    others = stage.execution(lead, document)
    clock.advance(minutes=20)
    stage.poll(lead)
    clock.advance(minutes=10)
    sweep(stage)
    assert (stage.status(own), stage.status(others)) == ("BLOCKED", "BLOCKED")

    contact_by_event(stage, helper, others)

    assert (stage.status(own), stage.status(others)) == ("RUNNING", "RUNNING")


def test_agent_that_comes_back_during_the_sweep_is_not_held_up(
    services: Services, stage: Stage, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, execution_id = started(stage)
    clock.advance(minutes=30)
    work = services.upkeep._work
    mark_offline = work.mark_offline

    def poll_meanwhile(workspace_id: str, agent_id: str) -> None:
        mark_offline(workspace_id, agent_id)
        stage.poll(agent)

    monkeypatch.setattr(work, "mark_offline", poll_meanwhile)
    sweep(stage)

    assert count(stage, execution_id, EventType.AGENT_OFFLINE) == 0
    assert stage.status(execution_id) == "RUNNING"


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize(
    "changes", [{"lease_seconds": 600, "wait_longest_hours": 0.1, "subtask_timeout_hours": 0.2}]
)
def test_pause_freezes_no_timer_and_dispatches_nothing(
    stage: Stage, clock: StandingClock, name: str
) -> None:
    """What each timer does while paused, and what is there after the resume."""
    timeout = TIMEOUTS[name]
    execution_id = timeout.begin(stage)
    agent = Principal(
        stage.workspace_id,
        "Worker",
        agent_id=stage.services.executions.get(stage.workspace_id, execution_id)["agent_id"],
    )
    control(stage, execution_id, "PAUSED")
    already = count(stage, execution_id, timeout.event_type)

    clock.advance(seconds=PAUSED_FOR[name].total_seconds())
    sweep(stage)

    assert count(stage, execution_id, timeout.event_type) == already + 1
    assert stage.subtask(execution_id, "t0s0")["status"] == timeout.subtask
    if name == "execution":
        assert stage.status(execution_id) == "FAILED"
        return
    assert stage.status(execution_id) == "PAUSED"
    assert stage.poll(agent) is None
    control(stage, execution_id, "RUNNING")
    work = stage.poll(agent)
    given = work and (work["next_task"]["kind"], work["next_task"]["attempt"])
    assert given == AFTER_THE_PAUSE[name]


def test_running_attempt_keeps_its_lease_during_a_pause(stage: Stage, clock: StandingClock) -> None:
    agent, execution_id = started(stage)
    assert stage.poll(agent)
    control(stage, execution_id, "PAUSED")
    for _ in range(3):
        clock.advance(minutes=10)
        told = stage.report(agent, execution_id, EventType.HEARTBEAT, "t0s0")
        assert told["force_pause"]
        sweep(stage)
    assert stage.subtask(execution_id, "t0s0")["status"] == "RUNNING"

    stage.report(agent, execution_id, EventType.TASK_COMPLETE, "t0s0")
    assert stage.status(execution_id) == "COMPLETED"


def begin_everything(stage: Stage) -> dict[str, list[str]]:
    """Begin one of each timeout in 10 subtasks or executions; all are due after 30 minutes."""
    found: dict[str, list[str]] = {}
    for name, step in {
        "leases": {},
        "back-offs": {},
        "waits": {},
        "waits in vain": {},
        "budgets": {"timeout_hours": 0.3},
    }.items():
        agent = stage.agent(max_concurrent_tasks=10)
        execution_id = stage.execution(agent, wide_plan(10, **step))
        work = stage.poll(agent, most=10)
        assert work
        for task in work["tasks"]:
            if name == "back-offs":
                stage.report(agent, execution_id, EventType.TASK_ERROR, task["task_id"])
            elif name.startswith("waits"):
                longest = 600.0 if name == "waits in vain" else None
                fields = {"max_wait_seconds": longest, "retry_after_seconds": longest}
                stage.report(agent, execution_id, EventType.TASK_BLOCKED, task["task_id"], **fields)
        found[name] = [execution_id]
    silent = stage.agent()
    found["agents"] = [stage.execution(silent, wide_plan(1)) for _ in range(10)]
    return found


@pytest.mark.parametrize("changes", [{"execution_timeout_hours": 2}])
def test_ten_sweepers_of_two_clocks_do_nothing_twice(
    services: Services, process: Process, stage: Stage, clock: StandingClock
) -> None:
    begun = begin_everything(stage)
    other = process(lambda: clock() + A_MOMENT)

    def sweep_together() -> None:
        gate = threading.Barrier(SWEEPERS)

        def one(number: int) -> None:
            gate.wait(10)
            (services, other)[number % 2].upkeep.sweep(stage.workspace_id)

        with ThreadPoolExecutor(SWEEPERS) as threads:
            list(threads.map(one, range(SWEEPERS)))

    def counted(name: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for execution_id in begun[name]:
            events = services.history.of_kinds(stage.workspace_id, execution_id, tuple(EventType))
            found.update(event.event_type for event in events)
        return found

    clock.advance(minutes=30)
    sweep_together()
    sweep_together()
    expected = {
        "leases": {"lease_expired": 10, "retry_scheduled": 10},
        "back-offs": {"retry_scheduled": 10, "task_ready": 10},
        "waits": {"task_ready": 10},
        "waits in vain": {"blocker_opened": 10 + 10, "blocker_resolved": 10, "task_ready": 0},
        "budgets": {"lease_expired": 10, "blocker_opened": 10},
        "agents": {"agent_offline": 10, "blocker_opened": 10},
    }
    for name, effects in expected.items():
        found = counted(name)
        if name != "agents":  # Every agent here has been silent for as long.
            assert found["agent_offline"] == 1, name
            found["blocker_opened"] -= 1
        if name == "waits":
            assert found["blocker_opened"] == 10
        assert {one: found[EventType(one)] for one in effects} == effects, name

    clock.advance(hours=2)
    sweep_together()
    for name, execution_ids in begun.items():
        assert counted(name)["execution_failed"] == len(execution_ids), name
    assert services.upkeep.sweep(stage.workspace_id) == 0


def test_executions_that_wait_for_the_record_hold_up_no_other_timer(
    stage: Stage, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "MOST", 3)
    for _ in range(3):
        agent, _ended = started(stage)
        stage.carry_out(agent)
    clock.advance(minutes=1)
    execution_id = leased(stage)
    clock.advance(minutes=15)

    sweep(stage)
    sweep(stage)

    assert stage.subtask(execution_id, "t0s0")["status"] == "RETRYING"


def test_timers_go_on_while_the_record_is_away(
    services: Services, stage: Stage, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, _ended = started(stage)
    stage.carry_out(agent)
    execution_id = leased(stage)

    def away(*_: Any) -> None:
        raise RecordUnavailable("PostgreSQL is away.")

    monkeypatch.setattr(services.upkeep._executions, "get", away)
    clock.advance(minutes=15)
    with pytest.raises(RecordUnavailable):
        sweep(stage)

    live = services.upkeep._live
    assert live.part(stage.workspace_id, execution_id, ["t0s0"]).subtasks["t0s0"].due_at
