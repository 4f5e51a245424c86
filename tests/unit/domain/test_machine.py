"""Random commands on random small plans: the invariants hold after each."""

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.domain import commands as c
from app.domain.decide import Decision, concerns_all, decide, subject_of
from app.domain.errors import DomainError
from app.domain.events import EventType
from app.domain.execution import Execution
from app.domain.execution_graph import ExecutionGraph
from app.domain.plan import Assignee, RetryPolicy
from app.domain.states import EXECUTION_MOVES, SUBTASK_MOVES, ExecutionStatus
from tests.causes import SITUATIONS, assert_why
from tests.executions import (
    AGENT,
    EXECUTION,
    NOON,
    WORKSPACE,
    Play,
    check,
    creation,
    facts,
    make_graph,
    report,
    started,
    step,
)
from tests.walk import draw_command, finish, next_due, varied
from tests.witness import Witness

E = ExecutionStatus
NAMES = ("a0", "b0", "d0", "e0", "f0", "g0", "h0")
UNREACHED = {
    ("QUEUED", "FAILED"),
    ("RUNNING", "RETRYING"),
}
"""Named by the design, and passed in two steps: what fails is blocked or FAILED before."""


@st.composite
def graphs(draw: st.DrawFn) -> ExecutionGraph:
    """Draw a plan of up to four tasks and seven subtasks, with edges on both levels."""
    count = draw(st.integers(1, 4))
    tasks: dict[str, list[Any]] = {f"t{number}": [] for number in range(count)}
    after: dict[str, list[str]] = {}
    for number in range(1, count):
        before = draw(st.lists(st.sampled_from(range(number)), max_size=2, unique=True))
        after[f"t{number}"] = [f"t{one}" for one in before]
    names = NAMES[: draw(st.integers(count, len(NAMES)))]
    for position, name in enumerate(names):
        # Edges lead back in written order, so neither level can close a cycle.
        task = position * count // len(names)
        needed = draw(st.lists(st.sampled_from(names[:position] or "-"), max_size=2, unique=True))
        tasks[f"t{task}"].append(
            step(
                name,
                *(one for one in needed if one != "-"),
                action=draw(st.sampled_from(("noop", "sing"))),
                retry_policy=RetryPolicy(max_attempts=draw(st.integers(1, 3))),
                requires_approval=draw(st.integers(0, 3)) == 0,
                assignee=Assignee.HUMAN if draw(st.integers(0, 5)) == 0 else Assignee.AGENT,
                timeout_hours=draw(st.sampled_from((0.25, 24.0))),
            )
        )
    agents = draw(st.dictionaries(st.sampled_from(list(tasks)), st.just("agent_2"), max_size=1))
    return make_graph(tasks, after, agents)


def narrow_view_decides_the_same(
    state: Execution, command: c.Command, now: dt.datetime, made: Decision
) -> None:
    """Decide again with only the neighbourhood loaded, as the live store does."""
    events, after = made.events, made.after
    if concerns_all(command) or after.header.status is E.FAILED:
        return
    subject = subject_of(command)
    near = state.graph.neighbourhood(subject) if subject in state.graph.subtasks else ((), ())
    narrow = Execution(
        state.graph,
        state.header,
        {one: state.subtasks[one] for one in near[0]},
        {one: state.tasks[one] for one in near[1]},
    )
    if narrow.is_too_narrow:
        return
    decision = decide(narrow, command, now)
    assert decision.events == events
    assert decision.after.header == after.header
    assert decision.after.changed_subtasks == after.changed_subtasks
    assert decision.after.changed_tasks == after.changed_tasks
    for one in after.changed_subtasks:
        assert decision.after.subtasks[one] == after.subtasks[one]
    for one in after.changed_tasks:
        assert decision.after.tasks[one] == after.tasks[one]


class RandomCommands(RuleBasedStateMachine):
    """Plays one execution, and beside it the fold of its stored log."""

    @initialize(
        graph=graphs(),
        is_started=st.sampled_from((True, True, True, False)),
        relaxed=st.sampled_from(((), ("sing",))),
    )
    def create(self, graph: ExecutionGraph, is_started: bool, relaxed: tuple[str, ...]) -> None:
        self.now = NOON
        self.turns = 0
        self.witness = Witness(graph)
        self.state = Execution.unborn(graph, EXECUTION, WORKSPACE)
        self.carry_out(creation(graph, AGENT, *relaxed))
        if is_started:
            self.carry_out(c.StartExecution(actor="user:1"))

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        self.turns += 1
        command = draw_command(
            self.state,
            self.now,
            lambda below: data.draw(st.integers(0, below - 1)),
            f"evt_{self.turns}",
        )
        self.carry_out(command)

    @rule(minutes=st.integers(1, 120))
    def wait(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)

    @rule()
    def wait_for_what_is_due(self) -> None:
        self.now = max(self.now, next_due(self.state) or self.now)

    @invariant()
    def state_is_sound(self) -> None:
        check(self.state)

    @invariant()
    def stored_log_folds_to_the_state(self) -> None:
        assert facts(self.witness.folded) == facts(self.state)

    @invariant()
    def everything_has_one_cause_and_the_right_one(self) -> None:
        for subtask_id, subtask in self.state.subtasks.items():
            # Only what is ready is held up by its agent.
            for situation in SITUATIONS if subtask.status == "READY" else SITUATIONS[:1]:
                assert_why(self.state, subtask_id, situation, self.now)

    def teardown(self) -> None:
        """Show that nothing is stuck: whatever has happened, it can be brought to an end."""
        if hasattr(self, "state"):
            finish(lambda: self.state, self.carry_out_at)

    def carry_out_at(self, command: c.Command, now: dt.datetime | None) -> None:
        self.now = max(self.now, now or self.now)
        self.carry_out(command)

    def carry_out(self, command: c.Command) -> None:
        before = facts(self.state)
        try:
            decision = decide(self.state, command, self.now)
        except DomainError:
            assert facts(self.state) == before
            return
        assert facts(self.state) == before
        narrow_view_decides_the_same(self.state, command, self.now, decision)
        for event in decision.events:
            self.witness.follow(event)
        self.state = decision.after


RandomCommands.TestCase.settings = settings(
    max_examples=300,
    stateful_step_count=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRandomCommands = RandomCommands.TestCase


def test_commands_reach_every_move_of_the_tables_and_no_other() -> None:
    moves: set[tuple[str, str]] = set()
    execution_moves: set[tuple[str, str]] = set()
    walked = [_walk(random.Random(seed), varied(), 120) for seed in range(200)]
    for witness in (*walked, *map(_followed, _seldom())):
        moves |= witness.moves
        execution_moves |= witness.execution_moves
    wanted = {(was, now) for was, to in SUBTASK_MOVES.items() for now in to}
    assert wanted - moves == UNREACHED
    assert execution_moves == {(was, now) for was, to in EXECUTION_MOVES.items() for now in to}


def _seldom() -> Iterator[Play]:
    """Play what few walks come by."""
    for ends in ("due", "in back-off"):
        play = started(make_graph({"t": [step("a")]}))
        play.claim("a")
        play.do(report(EventType.TASK_BLOCKED, "a"))
        play.await_due("a")
        if ends == "in back-off":
            play.claim("a")
            play.fail("a")
        play.answer("a", "fail")
        yield play
    play = Play(make_graph({"t": [step("a"), step("b", "a")]}))
    play.start(b="Nobody does it.")
    play.do(c.PauseExecution(actor="user:1"))
    play.do(c.ResumeExecution(actor="user:1"))
    play.answer("b", "fail")
    play.do(c.ResumeExecution(actor="user:1"))
    for one in "ab":
        play.do(c.SkipSubtask(actor="user:1", subtask_id=one, reason="not needed"))
    yield play


def _followed(play: Play) -> Witness:
    witness = Witness(play.state.graph)
    for event in play.events:
        witness.follow(event)
    assert facts(witness.folded) == facts(play.state)
    return witness


def _walk(draw: random.Random, graph: ExecutionGraph, steps: int) -> Witness:
    witness, now = Witness(graph), NOON
    state = Execution.unborn(graph, EXECUTION, WORKSPACE)
    commands: list[c.Command] = [creation(graph)]
    if draw.random() < 0.8:
        commands.append(c.StartExecution(actor="user:1"))
    for turn in range(steps):
        if turn % 3 == 0:
            now = max(now, next_due(state) or now)
        if not commands:
            commands.append(draw_command(state, now, draw.randrange, f"evt_{turn}"))
        try:
            decision = decide(state, commands.pop(0), now)
        except DomainError:
            continue
        for event in decision.events:
            witness.follow(event)
        state = decision.after
    assert facts(witness.folded) == facts(state)
    return witness
