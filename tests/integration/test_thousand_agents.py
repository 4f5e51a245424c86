"""A thousand agents that fail, vanish, come back, repeat themselves and report late.

Half of them have a task done by one of a few helpers, who are no better.
"""

import datetime as dt
import functools
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import redis

from app.domain import commands as c
from app.domain.errors import Conflict, NotFound, StaleLease, Terminal
from app.domain.events import Event, EventType, parse_event
from app.record.engine import connect
from app.record.executions import Executions
from app.services import Services
from app.services.identity import Principal
from app.services.reports import Claim
from app.services.work import Poll
from config.settings import Settings
from tests.replay import assert_events_give_the_record

from .stage import Process, Stage, TurnedClock

AGENTS = 1000
HELPERS = 50
THREADS = 8
ROUND = dt.timedelta(minutes=4)
ROUNDS_AT_MOST = 300
SUBTASKS = ("survey", "dig", "permit", "build", "light")
SEED = 20_261_122
IN_VAIN_AT_MOST = 5
"""How often an agent looks for its permit in vain.

The product has it look again after 5 minutes, doubling to 6 hours. Left to chance alone, one
agent in a thousand looks nine times and waits for a day: longer than all rounds last.
"""


def plan_with(helper: str | None) -> dict[str, Any]:
    """Write a plan whose first task is a helper's, if one is named."""
    ground: dict[str, Any] = {
        "task_id": "ground",
        "title": "Ground",
        "subtasks": steps("survey", "dig"),
    }
    tower = {
        "task_id": "tower",
        "title": "Tower",
        "prerequisites": ["ground"],
        "subtasks": steps("permit", "build", "light"),
    }
    if helper:
        ground["agent_id"] = helper
    phases = [{"name": "Build", "tasks": [ground, tower]}]
    return {"title": "Build a lighthouse", "phases": phases}


def steps(*names: str) -> list[dict[str, str]]:
    """Write subtasks, one after the other."""
    return [{"subtask_id": one, "title": one, "action": "noop"} for one in names]


class Tally:
    """Counts what was seen, from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seen: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Count one more."""
        with self._lock:
            self.seen[what] += 1


class Worker:
    """One agent and its execution; what it does with its work is drawn from a seed of its own.

    A helper has no execution. ``acknowledged`` says, by execution, which event completed what.
    """

    def __init__(self, number: int, me: Principal, execution_id: str, tally: Tally) -> None:
        self.me = me
        self.execution_id = execution_id
        self.acknowledged: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self.finished = False
        self._draw = random.Random(SEED + number)
        self._tally = tally
        self._away_for = 0
        self._late: dict[str, Any] | None = None
        self._calls = 0
        self._looks = 0

    def live(self, services: Services) -> None:
        """Do a round's work: through one web process or another, as the load balancer likes."""
        if self._away_for:
            self._away_for -= 1
            return
        if self._late:
            self._report_late(services, self._late)
            self._late = None
        task = self._ask(services)
        while task and not self.finished:
            try:
                task = self._work_on(services, task)
            except (StaleLease, Terminal):
                self._tally.note("late reports refused")
                return

    def _ask(self, services: Services) -> dict[str, Any] | None:
        poll = Poll(poll_id=self._name("poll"))
        found = services.work.poll(self.me, self.me.agent_id or "", poll)
        if not found:
            return None
        task: dict[str, Any] = found["next_task"]
        if task["redelivered"]:
            self._tally.note("redeliveries")
        elif self._chance(0.1):
            self._tally.note("lost answers to polls")
            again = services.work.poll(self.me, self.me.agent_id or "", poll)
            assert again, "the lease is still held"
            assert again["next_task"]["redelivered"]
            assert again["next_task"]["lease_token"] == task["lease_token"]
            self._tally.note("redeliveries")
        return task

    def _work_on(self, services: Services, task: dict[str, Any]) -> dict[str, Any] | None:
        """Do one subtask, or not; give the next where it was claimed along."""
        subtask_id = task["task_id"]
        if self._chance(0.05):
            return self._vanish(self._draw.randint(1, 2), None)
        if self._chance(0.05):
            return self._vanish(self._draw.randint(5, 10), task)
        if self._chance(0.03):
            return self._tell(services, EventType.TASK_ERROR, task, error_type="permanent")
        if subtask_id == "dig" and self._chance(0.4):
            return self._tell(services, EventType.TASK_ERROR, task, error_type="network")
        if subtask_id == "permit" and self._looks_in_vain():
            return self._tell(services, EventType.TASK_BLOCKED, task)
        if self._chance(0.1):
            self._tell(services, EventType.HEARTBEAT, task, progress_percent=50.0)
        return self._complete(services, task)

    def _looks_in_vain(self) -> bool:
        """Look for the permit, which somebody outside gives late, though not too late."""
        self._looks += 1
        return self._looks <= IN_VAIN_AT_MOST and self._chance(0.4)

    def _vanish(self, rounds: int, task: dict[str, Any] | None) -> None:
        """Be away, and come back without a memory; a task given will be reported on late."""
        self._away_for = rounds
        self._late = task
        self._tally.note("absences")

    def _complete(self, services: Services, task: dict[str, Any]) -> dict[str, Any] | None:
        report = self._report(EventType.TASK_COMPLETE, task, output_data={"by": self.me.agent_id})
        claim, execution_id = Claim() if self._chance(0.5) else None, task["execution_id"]
        view = self._send(services, execution_id, report, claim)
        if self._chance(0.1):
            self._tally.note("lost answers to events")
            again = self._send(services, execution_id, report, claim)
            assert again["seq"] == view["seq"], "a repeat gets the first answer"
            view = again
        following: dict[str, Any] | None = view.get("next_task")
        return following

    def _report_late(self, services: Services, task: dict[str, Any]) -> None:
        """Report what was done long ago; it counts only if nobody took the lease away yet."""
        try:
            self._send(
                services, task["execution_id"], self._report(EventType.TASK_COMPLETE, task), None
            )
        except (StaleLease, Terminal):
            self._tally.note("late reports refused")

    def _tell(
        self, services: Services, event_type: EventType, task: dict[str, Any], **fields: Any
    ) -> None:
        self._send(services, task["execution_id"], self._report(event_type, task, **fields), None)

    def _report(self, event_type: EventType, task: dict[str, Any], **fields: Any) -> c.Report:
        return c.Report(
            event_type=event_type,
            agent_id=self.me.agent_id or "",
            event_id=self._name("evt"),
            task_id=task["task_id"],
            lease_token=task["lease_token"],
            **fields,
        )

    def _send(
        self, services: Services, execution_id: str, report: c.Report, claim: Claim | None
    ) -> dict[str, Any]:
        (answer,) = services.reports.report(self.me, execution_id, [report], claim=claim)
        if answer.refusal:
            raise answer.refusal
        assert answer.view
        if report.event_type is EventType.TASK_COMPLETE:
            self.acknowledged[execution_id][report.event_id] = report.task_id or ""
        if execution_id == self.execution_id:
            self.finished = answer.view["status"] == "COMPLETED"
        return answer.view

    def _chance(self, of: float) -> bool:
        return self._draw.random() < of

    def _name(self, kind: str) -> str:
        self._calls += 1
        return f"{kind}_{self.me.agent_id}.{self._calls}"


@pytest.fixture
def webs(services: Services, process: Process, clock: TurnedClock) -> list[Services]:
    """Two web processes, as far as Redis and PostgreSQL can tell."""
    return [services, process(clock)]


def hire_helpers(stage: Stage, tally: Tally) -> list[Worker]:
    """Register those who do a task in the executions of others."""
    agents = [stage.agent(agent_id=f"helper_{number}") for number in range(HELPERS)]
    return [Worker(AGENTS + place, agent, "", tally) for place, agent in enumerate(agents)]


def hire(stage: Stage, helpers: list[Worker], tally: Tally) -> list[Worker]:
    """Register every agent, and start an execution with it; each second one has a helper."""
    alone = stage.plan(plan_with(None))
    helped = [stage.plan(plan_with(one.me.agent_id)) for one in helpers]

    def one(number: int) -> Worker:
        agent = stage.agent(agent_id=f"agent_{number}")
        plan_id = helped[number // 2 % HELPERS] if number % 2 else alone
        request = {"plan_id": plan_id, "agent_id": agent.agent_id}
        created = stage.services.executions.create(stage.owner, request)
        return Worker(number, agent, created["execution_id"], tally)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(one, range(AGENTS)))


def answer_blockers(stage: Stage, tally: Tally) -> None:
    """Be the people: have everything tried again, and now and then do without a helper."""
    services, draw = stage.services, random.Random(SEED)
    for item in services.inbox.page(stage.workspace_id, limit=AGENTS).items:
        options = item["next_step_options"]
        request = {"message": "Go on."}
        if item["kind"] != "agent_offline":
            request["resolution"] = "retry" if "retry" in options else "provide_input"
        elif item["task_id"] and draw.random() < 0.1:
            view = services.executions.get(stage.workspace_id, item["execution_id"])
            request |= {"resolution": "reassign", "agent_id": view["agent_id"]}
            tally.note("subtasks taken from a helper")
        else:
            continue  # It comes back by itself.
        try:
            services.blockers.resolve(
                stage.owner, item["execution_id"], item["blocker_id"], request
            )
            tally.note("answers of people")
        except (Conflict, NotFound):
            tally.note("answers that came too late")


def run_to_the_end(
    stage: Stage,
    webs: list[Services],
    clock: TurnedClock,
    workers: list[Worker],
    helpers: list[Worker],
    tally: Tally,
) -> int:
    """Have all agents work in rounds while the record is written; give the number of rounds.

    In each round two sweeps and the people act among the agents. The clock moves between rounds
    alone, so that what is drawn decides what an agent does.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(THREADS) as threads, ThreadPoolExecutor(1) as background:
        persisting = background.submit(persist, stage, stop)
        try:
            for number in range(ROUNDS_AT_MOST):
                busy = [one for one in workers if not one.finished]
                if not busy:
                    break
                work_a_round(threads, stage, webs, [*busy, *helpers], number, tally)
                assert not persisting.done(), "the record goes on"
                clock.advance(seconds=ROUND.total_seconds())
        finally:
            stop.set()
        persisting.result()
    assert not busy, said_of(stage, busy)
    return number


def said_of(stage: Stage, busy: list[Worker]) -> str:
    """Tell what the product itself says of the executions that did not end."""
    lines = [f"{len(busy)} executions did not end in {ROUNDS_AT_MOST} rounds:"]
    for one in busy:
        view = stage.services.executions.get(stage.workspace_id, one.execution_id)
        lines.append(f"{one.execution_id} of {one.me.agent_id}: {view['status']}")
        lines += [f"  {told}" for told in whys(stage, one.execution_id)]
    return "\n".join(lines)


def whys(stage: Stage, execution_id: str) -> list[str]:
    """Give the product's word on each subtask that is not done."""
    tree = stage.services.executions.tree(stage.workspace_id, execution_id)
    tasks = [task for phase in tree["phases"] for task in phase["tasks"]]
    return [
        "{task_id} is {status}, {cause} since {since} until {until}, cleared by {cleared_by}: "
        "{detail}".format_map(row["why"])
        for task in tasks
        for row in task["subtasks"]
        if row["why"]
    ]


def work_a_round(
    threads: ThreadPoolExecutor,
    stage: Stage,
    webs: list[Services],
    busy: list[Worker],
    number: int,
    tally: Tally,
) -> None:
    """Let everybody act once, all at the same time."""
    jobs: list[Callable[[], Any]] = [
        functools.partial(one.live, webs[(place + number) % len(webs)])
        for place, one in enumerate(busy)
    ]
    jobs.insert(len(jobs) // 2, functools.partial(answer_blockers, stage, tally))
    for place, web in enumerate(webs):
        jobs.insert(place, functools.partial(web.upkeep.sweep, stage.workspace_id))
    for done in [threads.submit(job) for job in jobs]:
        done.result()


def persist(stage: Stage, stop: threading.Event) -> None:
    """Write the record while the agents work."""
    while not stop.is_set():
        stage.services.persistence.drain(stage.workspace_id, dt.timedelta(seconds=1))


def put_away(stage: Stage, clock: TurnedClock, redis_url: str) -> list[str]:
    """Let everything be recorded and retired; name the keys that stay."""
    services, workspace_id = stage.services, stage.workspace_id
    with redis.Redis.from_url(redis_url) as client:
        for _ in range(20):
            services.persistence.drain(workspace_id, dt.timedelta())
            clock.advance(minutes=10)
            services.upkeep.sweep(workspace_id)
            if not client.exists(f"ax:{{{workspace_id}}}:timers"):
                break
        keys: list[bytes] = list(client.scan_iter(count=1000))
    return [key.decode() for key in keys]


def recorded_events(database_url: str) -> dict[str, list[tuple[int, bytes, str]]]:
    """Read the record's whole log, by execution."""
    found: defaultdict[str, list[tuple[int, bytes, str]]] = defaultdict(list)
    query = "SELECT execution_id, seq, body::text, hash FROM execution_events ORDER BY 1, 2"
    with psycopg.connect(database_url) as connection:
        for execution_id, seq, body, digest in connection.execute(query):
            found[execution_id].append((seq, body.encode(), digest))
    return dict(found)


def acknowledged(execution_id: str, workers: list[Worker]) -> dict[str, str]:
    """Gather what the server has acknowledged of an execution, to whomever."""
    return {
        event_id: subtask_id
        for one in workers
        for event_id, subtask_id in one.acknowledged.get(execution_id, {}).items()
    }


def assert_done_once(given: dict[str, str], events: list[Event]) -> None:
    """Assert that each subtask was completed once, and that what was acknowledged was kept."""
    completions = [one for one in events if one.event_type is EventType.TASK_COMPLETE]
    assert sorted(one.task_id or "" for one in completions) == sorted(SUBTASKS)
    assert {one.event_id: one.task_id for one in completions} == given


@pytest.mark.alone
def test_a_thousand_unreliable_agents_bring_every_execution_to_its_end(
    stage: Stage,
    webs: list[Services],
    settings: Settings,
    clock: TurnedClock,
    redis_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The clock runs far ahead of the time: else every poll would ask PostgreSQL for its agent.
    monkeypatch.setattr("app.services.remembered.LIFE", dt.timedelta(days=1))
    tally = Tally()
    helpers = hire_helpers(stage, tally)
    workers = hire(stage, helpers, tally)
    rounds = run_to_the_end(stage, webs, clock, workers, helpers, tally)
    keys = put_away(stage, clock, redis_url)

    assert not [key for key in keys if "exec_" in key or ":g:" in key or ":executions:" in key]
    gone = (":timers", ":blockers", ":waits", ":work", ":leases", ":x")
    assert not [key for key in keys if key.endswith(gone)]

    log = recorded_events(settings.database_url or "")
    engine = connect(settings.database_url or "")
    record = Executions(engine)
    for worker in workers:
        place = stage.workspace_id, worker.execution_id
        header = assert_events_give_the_record(record, *place, log[worker.execution_id])
        assert header.status == "COMPLETED"
        events = [parse_event(body) for _, body, _ in log[worker.execution_id]]
        assert_done_once(acknowledged(worker.execution_id, [worker, *helpers]), events)
        tally.seen["subtasks held up by an absence"] += sum(
            one.event_type is EventType.BLOCKER_OPENED
            and one.data["blocker"]["kind"] == "agent_offline"
            and one.task_id is not None
            for one in events
        )
        tally.seen.update(one.event_type.value for one in events)
    engine.dispose()

    seen = tally.seen
    told = {
        "retries": seen["retry_scheduled"],
        "redeliveries": seen["redeliveries"],
        "revocations": seen["lease_expired"],
        "late reports refused": seen["late reports refused"],
        "lost answers to polls": seen["lost answers to polls"],
        "lost answers to events": seen["lost answers to events"],
        "external waits": seen["task_blocked"],
        "blockers": seen["blocker_opened"],
        "agents off line": seen["agent_offline"],
        "agents back": seen["agent_online"],
        "answers of people": seen["answers of people"],
        "absences": seen["absences"],
        "subtasks held up by an absence": seen["subtasks held up by an absence"],
        "subtasks taken from a helper": seen["subtasks taken from a helper"],
    }
    with capsys.disabled():
        line = ", ".join(f"{number} {what}" for what, number in told.items())
        print(f"\n{AGENTS} agents, {rounds} rounds, {sum(map(len, log.values()))} events: {line}")
    assert all(told.values()), told
