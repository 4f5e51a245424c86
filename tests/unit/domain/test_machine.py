"""Random commands on random small plans: the invariants hold after each."""

import datetime as dt
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.domain import commands as c
from app.domain.decide import concerns_all, decide, subject_of
from app.domain.errors import DomainError
from app.domain.events import AGENT_EVENT_TYPES, Event, EventType, parse_event, seal
from app.domain.execution import Execution, evolve
from app.domain.execution_graph import ExecutionGraph
from app.domain.plan import RetryPolicy
from app.domain.states import EXECUTION_MOVES, SUBTASK_MOVES, ExecutionStatus
from tests.executions import (
    EXECUTION,
    NOON,
    WORKSPACE,
    check,
    claimant,
    creation,
    facts,
    make_graph,
    open_prerequisites,
    step,
)

AGENTS = ("agent_1", "agent_2", "stranger")
ACTIONS = ("noop", "sing")
NAMES = "abcdefgh"


@st.composite
def graphs(draw: st.DrawFn) -> ExecutionGraph:
    """Draw a plan of up to four tasks and eight subtasks, with edges on both levels."""
    count = draw(st.integers(1, 4))
    tasks: dict[str, list[Any]] = {f"t{number}": [] for number in range(count)}
    after: dict[str, list[str]] = {}
    for number in range(1, count):
        before = draw(st.lists(st.sampled_from(range(number)), max_size=2))
        after[f"t{number}"] = [f"t{one}" for one in before]
    names = NAMES[: draw(st.integers(count, len(NAMES)))]
    for position, name in enumerate(names):
        # Edges lead back in written order, so neither level can close a cycle.
        task = position * count // len(names)
        needed = draw(st.lists(st.sampled_from(names[:position] or "-"), max_size=2))
        policy = RetryPolicy(max_attempts=draw(st.integers(1, 3)))
        tasks[f"t{task}"].append(
            step(
                name,
                *(one for one in needed if one != "-"),
                action=draw(st.sampled_from(ACTIONS)),
                retry_policy=policy,
            )
        )
    agents = draw(st.dictionaries(st.sampled_from(list(tasks)), st.just("agent_2"), max_size=1))
    return make_graph(tasks, after, agents)


claimants = st.builds(
    claimant, st.sampled_from(AGENTS[:2]), st.sampled_from((*ACTIONS, "*")), poll_id=st.just("p")
)
subtasks = st.sampled_from((*NAMES, "ghost"))
tokens = st.integers(1, 30).map(str)
seconds = st.none() | st.floats(1, 10_000)
CONTROLS = (c.StartExecution, c.CancelExecution)
commands: st.SearchStrategy[c.Command] = st.one_of(
    st.builds(c.ClaimSubtask, subtask_id=subtasks, claimant=claimants),
    st.builds(c.ExpireLease, subtask_id=subtasks, lease_token=tokens),
    st.builds(c.EndDelay, subtask_id=subtasks),
    st.builds(
        c.Report,
        event_type=st.sampled_from(AGENT_EVENT_TYPES),
        agent_id=st.sampled_from(AGENTS),
        event_id=st.just("evt_any"),
        task_id=st.none() | subtasks,
        lease_token=st.none() | tokens,
    ),
)


class RandomCommands(RuleBasedStateMachine):
    """Plays one execution, and beside it the fold of its stored log."""

    @initialize(graph=graphs(), is_started=st.sampled_from((True, True, True, False)))
    def create(self, graph: ExecutionGraph, is_started: bool) -> None:
        self.now = NOON
        self.reports = 0
        self.completions: Counter[str] = Counter()
        self.head = ""
        self.state = Execution.unborn(graph, EXECUTION, WORKSPACE)
        self.folded = Execution.unborn(graph, EXECUTION, WORKSPACE)
        self.carry_out(creation(graph))
        if is_started:
            self.carry_out(c.StartExecution(actor="user:1"))

    @rule(kind=st.sampled_from((*[c.PauseExecution] * 6, *[c.ResumeExecution] * 12, *CONTROLS)))
    def control(self, kind: type[c.StartExecution]) -> None:
        self.carry_out(kind(actor="user:1"))

    @rule(command=commands)
    def anything(self, command: c.Command) -> None:
        self.carry_out(command)

    @rule(most=st.integers(1, 3))
    def claim_ready(self, most: int) -> None:
        ready = [one for one, state in self.state.subtasks.items() if state.status == "READY"]
        for one in ready[:most]:
            who = claimant(self.state.agent_of(one))
            self.carry_out(c.ClaimSubtask(subtask_id=one, claimant=who))

    @rule(
        choice=st.integers(0, 99),
        event_type=st.sampled_from(AGENT_EVENT_TYPES),
        jitter=st.floats(0, 1),
        after=seconds,
        who=st.none() | claimants,
        error_type=st.sampled_from((*[None] * 9, "timeout", "permanent")),
        progress=st.none() | st.floats(0, 100),
    )
    def report_leased(
        self,
        choice: int,
        event_type: EventType,
        jitter: float,
        after: float | None,
        who: c.Claimant | None,
        error_type: str | None,
        progress: float | None,
    ) -> None:
        leased = [(one, s.lease) for one, s in self.state.subtasks.items() if s.lease]
        if leased:
            subtask_id, lease = leased[choice % len(leased)]
            self.report(
                event_type,
                subtask_id,
                lease.agent_id,
                lease_token=lease.token,
                jitter=jitter,
                retry_after_seconds=after,
                max_wait_seconds=after,
                claimant=who,
                error_type=error_type,
                progress_percent=progress,
                output_data={"choice": choice},
            )

    @rule(choice=st.integers(0, 99), again=st.booleans())
    def complete_leased(self, choice: int, again: bool) -> None:
        leased = [(one, s.lease) for one, s in self.state.subtasks.items() if s.lease]
        if leased:
            subtask_id, lease = leased[choice % len(leased)]
            who = c.Claimant(agent_id=lease.agent_id, actions=frozenset("*"))
            self.report(EventType.TASK_COMPLETE, subtask_id, lease.agent_id, claimant=who)
            if again:
                self.report(EventType.TASK_COMPLETE, subtask_id, lease.agent_id)

    @rule(choice=st.integers(0, 99), jitter=st.floats(0, 1))
    def expire(self, choice: int, jitter: float) -> None:
        leased = [(one, s.lease) for one, s in self.state.subtasks.items() if s.lease]
        if leased:
            subtask_id, lease = leased[choice % len(leased)]
            self.carry_out(
                c.ExpireLease(subtask_id=subtask_id, lease_token=lease.token, jitter=jitter)
            )

    @rule()
    def end_next_delay(self) -> None:
        due = {one: s.due_at for one, s in self.state.subtasks.items() if s.due_at}
        if due:
            subtask_id = min(due, key=lambda one: due[one])
            self.now = max(self.now, due[subtask_id])
            self.carry_out(c.EndDelay(subtask_id=subtask_id))

    @rule(minutes=st.integers(1, 120))
    def wait(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)

    @invariant()
    def state_is_sound(self) -> None:
        check(self.state)

    @invariant()
    def stored_log_folds_to_the_state(self) -> None:
        assert facts(self.folded) == facts(self.state)

    def report(self, event_type: EventType, task_id: str | None, agent: str, **more: Any) -> None:
        self.reports += 1
        given = {"event_id": f"evt_{self.reports}", "task_id": task_id, **more}
        self.carry_out(c.Report(event_type=event_type, agent_id=agent, **given))

    def carry_out(self, command: c.Command) -> None:
        before = facts(self.state)
        try:
            decision = decide(self.state, command, self.now)
        except DomainError:
            assert facts(self.state) == before
            return
        assert facts(self.state) == before
        self.narrow_view_decides_the_same(command, decision.events, decision.after)
        for event in decision.events:
            self.follow(event)
        self.state = decision.after

    def narrow_view_decides_the_same(
        self, command: c.Command, events: list[Event], after: Execution
    ) -> None:
        """Decide again with only the neighbourhood loaded, as the live store does."""
        if concerns_all(command) or after.header.status is ExecutionStatus.FAILED:
            return
        state, subject = self.state, subject_of(command)
        near = state.graph.neighbourhood(subject) if subject in state.graph.subtasks else ((), ())
        narrow = Execution(
            state.graph,
            state.header,
            {one: state.subtasks[one] for one in near[0]},
            {one: state.tasks[one] for one in near[1]},
        )
        decision = decide(narrow, command, self.now)
        assert decision.events == events
        assert decision.after.changed_subtasks == after.changed_subtasks
        assert decision.after.changed_tasks == after.changed_tasks
        for one in after.changed_subtasks:
            assert decision.after.subtasks[one] == after.subtasks[one]
        for one in after.changed_tasks:
            assert decision.after.tasks[one] == after.tasks[one]

    def follow(self, event: Event) -> None:
        """Apply the stored form of an event, and look at each move it makes."""
        folded = self.folded
        status, statuses = folded.header.status, dict(folded.subtasks)
        assert event.seq == folded.header.seq + 1
        if event.event_type is EventType.TASK_DISPATCHED:
            assert status in (ExecutionStatus.QUEUED, ExecutionStatus.RUNNING)
            assert not open_prerequisites(folded, event.task_id or "")
            assert event.agent_id == folded.agent_of(event.task_id or "")
        if event.event_type is EventType.TASK_COMPLETE:
            self.completions[event.task_id or ""] += 1
            assert self.completions[event.task_id or ""] == 1
        (sealed,) = seal([event], self.head)
        self.head = sealed.hash
        evolve(folded, parse_event(sealed.body))
        if folded.header.status is not status:
            assert folded.header.status in EXECUTION_MOVES[status]
        for subtask_id, was in statuses.items():
            now = folded.subtasks[subtask_id].status
            assert now is was.status or now in SUBTASK_MOVES[was.status]


RandomCommands.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRandomCommands = RandomCommands.TestCase
