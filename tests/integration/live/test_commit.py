"""One commit: all or nothing, decided again after a conflict, and answered the same twice."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from app.domain import commands as c
from app.domain.errors import Conflict, NotFound, StaleLease, Terminal, UnknownTask
from app.domain.events import EventType, parse_event
from app.domain.execution_graph import graph_id
from app.live.errors import AtCapacity, Contended, NotLive
from app.live.executions import TRIES, LiveExecutions
from app.live.scripts import CONFLICT, Scripts
from tests.executions import (
    AGENT,
    EXECUTION,
    WORKSPACE,
    chain,
    claim,
    claimant,
    completion,
    creation,
    make_graph,
    report,
    step,
    types,
)

from .scene import DELAYS, USER, Scene

WIDE = make_graph({"t": [step("a"), step("b"), step("d", "a", "b")]})


class Interrupted(Scripts):
    """Lets something else happen right before the first commit."""

    def __init__(self, scene: Scene, interrupt: Callable[[], object]) -> None:
        super().__init__(scene.client)
        self._interrupt: Callable[[], object] | None = interrupt

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> int:
        interrupt, self._interrupt = self._interrupt, None
        if interrupt:
            interrupt()
        return super().run(name, keys, args)


def slower(scene: Scene, interrupt: Callable[[], object]) -> LiveExecutions:
    """Make a process whose first commit comes too late."""
    return LiveExecutions(scene.client, Interrupted(scene, interrupt), DELAYS)


# Creation


def test_what_was_committed_is_read_back_as_it_was_decided(scene: Scene) -> None:
    created = scene.start(WIDE)
    stored = scene.verify()
    assert stored.header == created.header
    assert (stored.subtasks, stored.tasks) == (created.subtasks, created.tasks)


def test_creating_again_changes_nothing_and_gives_what_there_is(scene: Scene) -> None:
    scene.start(WIDE)
    scene.complete("a")
    before = scene.dump()
    again = scene.start(WIDE)
    assert again.header.seq == scene.whole().header.seq
    assert again.subtasks["a"].status == "COMPLETED"
    assert scene.dump() == before


def test_a_creation_that_is_refused_stores_nothing(scene: Scene) -> None:
    commands = [creation(WIDE), c.ResumeExecution(**USER)]
    with pytest.raises(Conflict):
        scene.live.create(WORKSPACE, EXECUTION, WIDE.pack(), commands, scene.now)
    assert scene.stored_keys() == set()


# All or nothing


def test_a_claim_over_the_limit_changes_nothing(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a")
    before = scene.dump()
    with pytest.raises(AtCapacity):
        scene.do(claim("b"), lease_limit=1)
    assert scene.dump() == before
    assert scene.one(claim("b"), lease_limit=2).refusal is None


def test_a_report_is_not_half_applied_where_the_claim_along_with_it_has_no_room(
    scene: Scene,
) -> None:
    scene.start(make_graph({"t": [step("a"), step("b"), step("e", "a")]}))
    scene.claim("a", "b")
    before = scene.dump()
    with pytest.raises(AtCapacity):
        scene.do(completion("a", claimant=claimant()), lease_limit=1)
    assert scene.dump() == before


def test_the_lease_that_a_report_frees_makes_room_for_the_next(scene: Scene) -> None:
    scene.start(chain(2))
    scene.do(claim("s0"), lease_limit=1)
    outcome = scene.one(completion("s0", claimant=claimant()), lease_limit=1)
    assert outcome.receipt
    assert outcome.receipt.claimed == "s1"
    scene.verify()


def test_claims_of_one_commit_count_together(scene: Scene) -> None:
    scene.start(WIDE)
    with pytest.raises(AtCapacity):
        scene.do(claim("a"), claim("b"), lease_limit=1)
    assert scene.held() == []
    scene.do(claim("a"), claim("b"), lease_limit=2)
    assert scene.held() == ["a", "b"]


def test_a_limit_counts_leases_of_all_executions(scene: Scene) -> None:
    scene.start(WIDE)
    scene.start(WIDE, "exec_2")
    scene.do(claim("a"), lease_limit=1)
    with pytest.raises(AtCapacity):
        scene.do(claim("a"), lease_limit=1, execution_id="exec_2")


# Conflicts


def test_a_conflict_is_decided_again_on_what_is_there_now(scene: Scene) -> None:
    scene.start(chain(2))
    scene.claim("s0")
    live = slower(scene, lambda: scene.do(c.PauseExecution(**USER)))
    command = completion("s0", claimant=claimant())
    result = live.execute(WORKSPACE, EXECUTION, [command], scene.now)
    assert types(result.outcomes[0].events) == ["task_complete"]
    assert result.after.header.status == "PAUSED"
    scene.verify()


def test_a_subtask_that_somebody_else_just_claimed_is_refused(scene: Scene) -> None:
    scene.start(WIDE)
    live = slower(scene, lambda: scene.do(claim("a")))
    outcome = live.execute(WORKSPACE, EXECUTION, [claim("a")], scene.now).outcomes[0]
    assert isinstance(outcome.refusal, Conflict)
    assert scene.held() == ["a"]
    scene.verify()


def test_whoever_always_comes_too_late_is_told_so(scene: Scene) -> None:
    tries: list[str] = []

    class Hopeless(Scripts):
        def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> int:
            tries.append(name)
            return CONFLICT

    scene.start(WIDE)
    before = scene.dump()
    live = LiveExecutions(scene.client, Hopeless(scene.client), DELAYS)
    with pytest.raises(Contended):
        live.execute(WORKSPACE, EXECUTION, [claim("a")], scene.now)
    assert len(tries) == TRIES
    assert scene.dump() == before


# Answers


def test_a_repeated_event_gets_the_same_receipt_and_adds_no_event(scene: Scene) -> None:
    scene.start(chain(2))
    scene.claim("s0")
    command = completion("s0", claimant=claimant())
    first = scene.one(command)
    before = scene.dump()
    again = scene.one(command)
    assert again.receipt == first.receipt
    assert first.receipt
    assert first.receipt.claimed == "s1"
    assert (again.repeated, again.events, again.refusal) == (True, (), None)
    assert scene.dump() == before


def test_an_event_repeated_within_a_batch_counts_once(scene: Scene) -> None:
    scene.start(chain(2))
    scene.claim("s0")
    first, again = scene.do(completion("s0"), completion("s0")).outcomes
    assert (first.receipt, again.repeated) == (again.receipt, True)
    scene.verify()


def test_receipts_end_with_the_execution(scene: Scene) -> None:
    scene.start(chain(1))
    scene.complete("s0")
    again = scene.one(completion("s0"))
    assert again.repeated
    other = scene.one(completion("s0", event_id="other"))
    assert isinstance(other.refusal, Terminal)
    assert other.receipt is None


def test_a_batch_goes_on_past_what_is_refused(scene: Scene) -> None:
    scene.start(WIDE)
    scene.claim("a", "b")
    outcomes = scene.do(
        completion("a"),
        completion("ghost"),
        report(EventType.NOTE, agent_id="stranger"),
        report(EventType.NOTE),
        completion("b"),
    ).outcomes
    assert [type(one.refusal) for one in outcomes] == [
        type(None),
        UnknownTask,
        NotFound,
        type(None),
        type(None),
    ]
    assert [one.receipt.seq for one in outcomes if one.receipt] == [6, 7, 8]
    assert scene.verify().subtasks["d"].status == "READY"


def test_a_refused_event_may_be_sent_again_and_then_counts(scene: Scene) -> None:
    scene.start(WIDE)
    assert isinstance(scene.one(claim("d")).refusal, Conflict)
    assert isinstance(scene.one(completion("ghost")).refusal, UnknownTask)
    assert isinstance(scene.one(completion("ghost")).refusal, UnknownTask)


def test_a_batch_of_refusals_commits_nothing(scene: Scene) -> None:
    scene.start(WIDE)
    before = scene.dump()
    scene.do(completion("ghost"), c.EndDelay(subtask_id="a"))
    assert scene.dump() == before


def test_a_late_result_is_kept_as_note_and_refused(scene: Scene) -> None:
    scene.start(chain(1))
    scene.claim("s0")
    token = scene.lease("s0").token
    scene.do(c.ExpireLease(subtask_id="s0", lease_token=token))
    late = completion("s0", lease_token=token, output_data={"n": 1})
    outcome = scene.one(late)
    assert isinstance(outcome.refusal, StaleLease)
    assert types(outcome.events) == ["note"]
    assert outcome.receipt
    assert outcome.receipt.refusal == str(outcome.refusal)
    assert parse_event(scene.events()[-1][1]).output_data == {"n": 1}
    assert scene.verify().subtasks["s0"].result is None


def test_a_late_result_that_is_repeated_is_refused_again_and_noted_once(scene: Scene) -> None:
    scene.start(chain(1))
    late = completion("s0", lease_token="1")
    first = scene.one(late)
    again = scene.one(late)
    assert isinstance(again.refusal, StaleLease)
    assert str(again.refusal) == str(first.refusal)
    assert again.repeated
    assert scene.whole().header.seq == 3


def test_a_receipt_names_what_was_unlocked_and_not_what_was_ready_before(scene: Scene) -> None:
    scene.start(WIDE)
    noted = scene.one(report(EventType.NOTE, "b")).receipt
    assert noted
    assert noted.unlocked is None
    scene.complete("a")
    scene.claim("b")
    receipt = scene.one(completion("b")).receipt
    assert receipt
    assert (receipt.unlocked, receipt.claimed) == ("d", None)


def test_a_heartbeat_with_nothing_new_is_answered_without_a_commit(scene: Scene) -> None:
    scene.start(chain(1))
    scene.claim("s0")
    before = scene.dump()
    outcome = scene.one(report(EventType.HEARTBEAT, "s0"))
    assert outcome.receipt
    assert outcome.receipt.seq == scene.whole().header.seq
    assert scene.dump() == before


# Failure and the reads


def test_a_failure_gives_back_subtasks_far_from_the_one_that_failed(scene: Scene) -> None:
    graph = make_graph({"t": [step("a")], "u": [step("b"), step("d")], "v": [step("e")]})
    scene.start(graph)
    scene.claim("a", "b", "e")
    scene.do(report(EventType.TASK_ERROR, "a", error_type="permanent"))
    scene.verify()
    outcome = scene.answer("a", "fail")
    assert types(outcome.events) == ["blocker_resolved", "task_error", "execution_failed"]
    state = scene.verify()
    assert (state.header.status, state.subtasks["e"].status) == ("FAILED", "QUEUED")
    assert (scene.held(), scene.queued()) == ([], [])


def test_every_report_of_an_agent_that_is_not_part_of_it_finds_nothing(scene: Scene) -> None:
    scene.start(WIDE)
    outcome = scene.one(report(EventType.TASK_COMPLETE, "a", agent_id="stranger"))
    assert isinstance(outcome.refusal, NotFound)


def test_what_is_not_live_is_told_apart(scene: Scene) -> None:
    with pytest.raises(NotLive):
        scene.do(claim("a"))
    with pytest.raises(NotLive):
        scene.whole()
    with pytest.raises(NotLive):
        scene.live.header(WORKSPACE, EXECUTION)
    with pytest.raises(NotLive):
        scene.live.part(WORKSPACE, EXECUTION, ["a"])
    assert scene.live.headers(WORKSPACE, [EXECUTION]) == {}
    assert scene.live.states(WORKSPACE, {EXECUTION: (["a"], [])}) == {}


def test_another_workspace_has_no_such_execution(scene: Scene) -> None:
    scene.start(WIDE)
    with pytest.raises(NotLive):
        scene.live.header("ws_2", EXECUTION)


def test_a_part_holds_what_was_named_and_known(scene: Scene) -> None:
    scene.start(WIDE)
    part = scene.live.part(WORKSPACE, EXECUTION, ["a", "ghost"])
    assert list(part.subtasks) == ["a"]
    assert scene.live.part(WORKSPACE, EXECUTION, []).header == part.header
    assert part.graph == scene.live.graph_of(part.header) == WIDE


def test_states_of_many_executions_are_read_at_once(scene: Scene) -> None:
    scene.start(WIDE)
    scene.start(chain(1), "exec_2")
    wanted = {
        EXECUTION: (["a", "ghost"], ["t", "ghost"]),
        "exec_2": ([], []),
        "gone": (["a"], ["t"]),
    }
    found = scene.live.states(WORKSPACE, wanted)
    header, subtasks, tasks = found[EXECUTION]
    assert header == scene.whole().header
    assert (list(subtasks), list(tasks)) == (["a"], ["t"])
    assert found["exec_2"][1:] == ({}, {})
    assert "gone" not in found


def test_another_process_knows_the_execution_without_having_made_it(scene: Scene) -> None:
    scene.start(WIDE)
    other = Scene(scene.client, scene.client)
    other.complete("a", "b", "d")
    assert other.verify().header.status == "COMPLETED"


def test_a_graph_that_has_gone_means_that_the_execution_has_gone(scene: Scene) -> None:
    scene.start(WIDE)
    scene.client.delete(scene.keys.graph(graph_id(WIDE.pack())))
    with pytest.raises(NotLive):
        Scene(scene.client, scene.client).whole()


def test_a_process_forgets_old_graphs_and_loads_them_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.live.executions.GRAPHS_KEPT", 1)
    scene.start(WIDE)
    scene.start(chain(1), "exec_2")
    scene.whole()
    scene.whole("exec_2")
    scene.claim("a")
    assert scene.held(AGENT) == ["a"]
