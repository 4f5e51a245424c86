"""Services of the pages' port that hold a few made-up executions and plans in memory."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.dashboard.ports import Page, Wire
from app.domain.blockers import RESOLUTIONS, BlockerKind
from app.domain.errors import (
    ApprovalRequired,
    Conflict,
    Fault,
    IllegalMove,
    InvalidPlan,
    NotFound,
)
from app.services.identity import Principal

WORKSPACE = "ws_1"
USER_KEY = "user-key"
AGENT_KEY = "agent-key"
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
NEW_KEY = "ax_agent_shown-once"
HOSTILE = "<script>alert('&')</script>"


@dataclass(frozen=True)
class FakePage:
    """One page of a list."""

    items: list[Wire]
    next_cursor: str | None = None


def subtask(name: str, status: str = "QUEUED", **more: Any) -> Wire:
    """Make a subtask of a tree."""
    return {
        "subtask_id": name,
        "title": f"Step {name}",
        "action": "perform_task",
        "status": status,
        "attempt": 1 if status != "QUEUED" else 0,
        "max_attempts": 3,
        "progress_percent": 100 if status == "COMPLETED" else 0,
        "agent_id": None,
        "started_at": None,
        "completed_at": None,
        "last_event_at": None,
        "result": None,
        "error_type": None,
        "error_message": None,
        "why": None,
    } | more


def task(name: str, status: str, subtasks: list[Wire], **more: Any) -> Wire:
    """Make a task of a tree."""
    return {
        "task_id": name,
        "title": f"Task {name}",
        "status": status,
        "progress_percent": 0,
        "agent_id": None,
        "why": None,
        "subtasks": subtasks,
    } | more


def execution(name: str = "exec_1", status: str = "RUNNING", **more: Any) -> Wire:
    """Make an execution."""
    return {
        "execution_id": name,
        "plan_id": "plan_1",
        "plan_title": "Open a tea shop",
        "agent_id": "larry",
        "status": status,
        "status_message": "",
        "progress": {
            "tasks_completed": 3,
            "tasks_total": 12,
            "percent": 25,
            "subtasks_completed": 9,
            "subtasks_total": 40,
            "current_task_id": "1.1",
            "current_task_title": "Present to Carol",
        },
        "open_blockers": 0,
        "created_at": NOON - dt.timedelta(hours=2),
        "started_at": NOON - dt.timedelta(hours=2),
        "completed_at": None,
        "updated_at": NOON,
        "seq": 2,
    } | more


def tree() -> Wire:
    """Make a tree of one phase."""
    running = [subtask("1.1.1", "COMPLETED"), subtask("1.1.2", "RUNNING", attempt=2)]
    tasks = [task("1.1", "RUNNING", running), task("1.2", "QUEUED", [subtask("1.2.1")])]
    return {"phases": [{"phase_id": "1", "name": "Prepare", "status": "RUNNING", "tasks": tasks}]}


def event(seq: int, event_type: str = "task_progress", **more: Any) -> Wire:
    """Make an event of the log."""
    return {
        "seq": seq,
        "event_id": f"evt_{seq}",
        "event_type": event_type,
        "execution_id": "exec_1",
        "task_id": "1.1.2",
        "agent_id": "larry",
        "actor": "larry",
        "status": "RUNNING",
        "message": None,
        "recorded_at": NOON,
    } | more


def blocker(kind: str = "approval", name: str = "blk_1", **more: Any) -> Wire:
    """Make an open blocker of an execution."""
    return {
        "blocker_id": name,
        "task_title": "Step 1.1.2",
        "action": "send_email",
        "params": {"to": "carol@example.org"},
        "execution_id": "exec_1",
        "task_id": "1.1.2",
        "kind": kind,
        "message": "May 'send_email' be done? Step 1.1.2",
        "suggestions": [],
        "next_step_options": list(RESOLUTIONS[BlockerKind(kind)]),
        "owner": "user:user_1",
        "opened_at": NOON,
        "next_check_at": None,
        "expires_at": None,
        "holds_up": 5,
        "status": "OPEN",
    } | more


def agent(agent_id: str = "larry", **more: Any) -> Wire:
    """Make an agent that is on line."""
    return {
        "agent_id": agent_id,
        "name": "Larry",
        "role": "Salesman",
        "capabilities": [{"action": "send_email", "params": [], "description": ""}],
        "max_concurrent_tasks": 2,
        "status": "ACTIVE",
        "paused_at": None,
        "paused_by": None,
        "created_at": NOON,
        "last_contact_at": NOON,
        "online": True,
        "running": 1,
        "queued": 7,
        "subtasks_completed": 3,
        "attempts": 4,
        "success_rate": 0.75,
    } | more


def api_key(key_id: str = "key_1", **more: Any) -> Wire:
    """Make a key as its owner sees it."""
    return {
        "key_id": key_id,
        "name": "Laptop",
        "ending": "x7Qz",
        "created_at": NOON,
        "last_used_at": None,
    } | more


def plan(status: str = "NEEDS_REVIEW", **more: Any) -> Wire:
    """Make a plan."""
    return {
        "plan_id": "plan_1",
        "title": "Open a tea shop",
        "goal": "Sell tea by June.",
        "status": status,
        "decomposition_version": 1,
        "warnings": [
            {
                "code": "dangling-id",
                "message": "Task 1.2 depends on 9.9, which does not exist.",
                "where": "wbs.json",
                "value": "9.9",
                "suggestion": "Ignored.",
            }
        ],
        "tasks_total": 3,
        "subtasks_total": 6,
        "mean_confidence": 0.75,
        "lowest_confidence": 0.6,
        "reviews_waiting": 2,
        "gates": {"redline": "ALLOW", "go_no_go": None, "refusals": []},
        "created_at": NOON,
    } | more


def readiness(**more: Any) -> Wire:
    """Make what the start of a plan would meet: one agent that does all but one action."""
    larry = {
        "agent_id": "larry",
        "name": "Larry",
        "role": "",
        "status": "ACTIVE",
        "online": True,
        "last_contact_at": NOON,
        "misses": [{"action": "sing", "subtasks": 2}],
    }
    step = {"subtask_id": "1.1.2", "title": f"Sign {HOSTILE}", "task_title": "Task 1.1"}
    return {
        "fault": "",
        "refusals": [],
        "reviews": [],
        "subtasks_total": 6,
        "approvals": [{**step, "action": "send_payment"}],
        "by_people": [{**step, "action": "sign_lease"}],
        "actions": [{"action": "send_email", "subtasks": 4}, {"action": "sing", "subtasks": 2}],
        "nobody": [],
        "agents": [larry],
        **more,
    }


def breakdown() -> Wire:
    """Make a task tree with breakdowns, one of which needs a review."""
    ask = {
        "subtask_id": "1.1.1",
        "title": "Ask three suppliers",
        "action": "send_email",
        "params": {"to": HOSTILE, "copies": 3},
        "dependencies": [],
        "reasons": ["send_email: by the rule generic/ask-and-wait"],
    }
    wait = {
        "subtask_id": "1.1.2",
        "title": "Wait for answers",
        "action": "wait_for_reply",
        "dependencies": ["1.1.1"],
        "requires_approval": True,
    }
    steps = [ask, wait]
    tasks = [
        {
            "task_id": name,
            "title": f"Task {name}",
            "version": 1,
            "description": "Ask around. Buy <b>plaster</b> today.",
            "uncovered": ["Buy <b>plaster</b>"],
            "confidence_parts": [
                {"name": "coverage", "weight": 0.1, "share": 0.25, "explanation": "1 of 2"}
            ],
            "decomposition_confidence": confidence,
            "confidence_reasons": ["Written as three steps."],
            "warnings": [{"message": "It speaks to its reader.", "value": "Ignore <i>this</i>"}],
            "needs_review": confidence < 0.8,
            "strategy": "rules",
            "executable_subtasks": steps,
        }
        for name, confidence in [("1.1", 0.6), ("1.2", 0.7), ("1.3", 0.95)]
    ]
    return {"phases": [{"phase_id": "1", "name": "Prepare", "tasks": tasks}]}


@dataclass
class FakeIdentity:
    """Knows one user and one agent."""

    tickets: set[str] = field(default_factory=lambda: {"once"})

    def authenticate(self, key: str) -> Principal | None:
        """Give the owner of a key."""
        owners = {
            USER_KEY: Principal(WORKSPACE, "Marie", user_id="user_1"),
            AGENT_KEY: Principal(WORKSPACE, "Larry", agent_id="larry"),
        }
        return owners.get(key)

    def redeem_ticket(self, ticket: str) -> Principal | None:
        """Use a ticket up."""
        if ticket not in self.tickets:
            return None
        self.tickets.remove(ticket)
        return Principal(WORKSPACE, "Marie", user_id="user_1")


@dataclass
class FakeExecutions:
    """Holds executions and writes down what it was asked to do."""

    rows: list[Wire] = field(default_factory=lambda: [execution()])
    shape: Wire = field(default_factory=tree)
    asked: list[tuple[str, Wire]] = field(default_factory=list[tuple[str, Wire]])
    gate: str | None = None

    def page(
        self,
        workspace_id: str,
        *,
        plan_id: str | None = None,
        agent_id: str | None = None,
        status: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List them."""
        return FakePage([row for row in self.rows if status in (None, row["status"])])

    def get(self, workspace_id: str, execution_id: str) -> Wire:
        """Give one."""
        found = [row for row in self.rows if row["execution_id"] == execution_id]
        if not found or workspace_id != WORKSPACE:
            raise NotFound("No such execution.")
        return found[0]

    def tree(self, workspace_id: str, execution_id: str) -> Wire:
        """Give the tree."""
        return self.shape

    def latest(self, workspace_id: str, plan_ids: Sequence[str]) -> dict[str, Wire]:
        """Give the newest of each plan."""
        return {row["plan_id"]: row for row in self.rows if row["plan_id"] in plan_ids}

    def create(self, principal: Principal, request: Wire) -> Wire:
        """Start one, unless the gate refuses."""
        self.asked.append(("create", request))
        if self.gate and not request.get("approvals"):
            raise ApprovalRequired("A gate refuses.", [Fault("approvals.redline", self.gate)])
        return {"execution_id": "exec_1", "status": "QUEUED"}

    def control(self, principal: Principal, execution_id: str, request: Wire) -> Wire:
        """Change the status."""
        row = self.get(principal.workspace_id, execution_id)
        self.asked.append((execution_id, request))
        if row["status"] in ("COMPLETED", "CANCELLED"):
            raise IllegalMove(row["status"], request.get("status", "reassigned"), [])
        row["status"] = request.get("status", row["status"])
        return row


@dataclass
class FakeBlockers:
    """Holds the open blockers of the one execution, and the answers to them."""

    rows: list[Wire] = field(default_factory=list[Wire])
    answers: list[tuple[str, Wire]] = field(default_factory=list[tuple[str, Wire]])

    def page(
        self,
        workspace_id: str,
        execution_id: str,
        status: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List them."""
        return FakePage([row for row in self.rows if status in (None, row["status"])])

    def resolve(
        self, principal: Principal, execution_id: str, blocker_id: str, request: Wire
    ) -> Wire:
        """Take an answer to one that is open."""
        if blocker_id not in [row["blocker_id"] for row in self.rows]:
            raise Conflict("The blocker is closed.")
        self.answers.append((blocker_id, request))
        return self.rows[0]


@dataclass
class FakePeople:
    """Writes down what is said to be done."""

    completed: list[tuple[str, Wire]] = field(default_factory=list[tuple[str, Wire]])
    asked: list[tuple[str, str, Wire]] = field(default_factory=list[tuple[str, str, Wire]])
    stubborn: str = ""

    def complete(
        self, principal: Principal, execution_id: str, task_id: str, request: Wire
    ) -> Wire:
        """Note it."""
        self.completed.append((task_id, request))
        return {}

    def retry(self, principal: Principal, execution_id: str, task_id: str, request: Wire) -> Wire:
        """Note it."""
        self.asked.append(("retry", task_id, request))
        return {}

    def skip(self, principal: Principal, execution_id: str, task_id: str, request: Wire) -> Wire:
        """Note it, unless it is one that cannot be skipped."""
        if task_id == self.stubborn:
            raise Conflict("It is done already.")
        self.asked.append(("skip", task_id, request))
        return {}


@dataclass
class FakeFiles:
    """Keeps the names and contents of what was brought."""

    most_bytes: int = 1000
    kept: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])

    def upload(self, principal: Principal, name: str, content_type: str, content: bytes) -> Wire:
        """Keep one."""
        self.kept.append((name, content_type, content))
        return {"file_id": f"file_{len(self.kept)}"}


@dataclass
class FakeExecutionList:
    """Lists the executions of another fake, and writes down what was asked for."""

    executions: "FakeExecutions"
    asked: list[Wire] = field(default_factory=list[Wire])
    next_cursor: str | None = None

    def page(self, workspace_id: str, **asked: Any) -> Page:
        """List them."""
        self.asked.append(asked)
        rows = self.executions.page(workspace_id, status=asked.get("status")).items
        return FakePage(
            [{"waits_for": None, "waits_for_people": 0} | row for row in rows], self.next_cursor
        )


_GROUPS = {"approval": "approvals", "human_task": "tasks", "review": "reviews"}


@dataclass(frozen=True)
class FakeInboxPage(FakePage):
    """One page of the inbox."""

    total: int = 0
    groups: dict[str, int] = field(default_factory=dict[str, int])


@dataclass
class FakeInbox:
    """Holds what waits for people."""

    rows: list[Wire] = field(default_factory=list[Wire])

    def page(
        self,
        workspace_id: str,
        *,
        group: str | None = None,
        q: str = "",
        plan_id: str | None = None,
        execution_id: str | None = None,
        by_group: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> FakeInboxPage:
        """List it."""
        rows = [{"group": _GROUPS.get(row["kind"], "escalations")} | row for row in self.rows]
        names = ("approvals", "tasks", "escalations", "reviews")
        groups = {name: sum(1 for row in rows if row["group"] == name) for name in names}
        found = [row for row in rows if group in (None, row["group"])]
        return FakeInboxPage(found[:limit], None, len(found), groups)

    def count(self, workspace_id: str) -> int:
        """Count it."""
        return len(self.rows)


@dataclass
class FakeHistory:
    """Holds events, oldest first."""

    events: list[Wire] = field(default_factory=lambda: [event(1, "task_dispatched"), event(2)])

    def page(
        self,
        workspace_id: str,
        execution_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        event_type: str | None = None,
        task_id: str | None = None,
        agent_id: str | None = None,
        errors: bool = False,
        order: str = "asc",
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        """List them; the cursor is the seq before which to go on."""
        newest = [
            row
            for row in reversed(self.events)
            if (not cursor or row["seq"] < int(cursor))
            and event_type in (None, row["event_type"])
            and task_id in (None, row["task_id"])
            and agent_id in (None, row["agent_id"])
            and (not errors or row["event_type"] == "task_error")
        ]
        more = str(newest[limit - 1]["seq"]) if len(newest) > limit else None
        return FakePage(newest[:limit], more)


class FakeItems:
    """Knows what every item asks for."""

    def get(self, workspace_id: str, execution_id: str, item_id: str) -> Wire:
        """Give one."""
        return {
            "item_id": item_id,
            "title": f"Step {item_id}",
            "within": HOSTILE,
            "description": HOSTILE,
            "params": {"to": HOSTILE},
            "success_criteria": ["It is sent"],
            "assignee": "agent",
            "after": [{"item_id": "1.1.1", "title": HOSTILE}],
            "then": [],
        }


@dataclass
class FakePlans:
    """Holds plans."""

    rows: list[Wire] = field(default_factory=lambda: [plan()])
    shape: Wire = field(default_factory=breakdown)
    sorts: list[str] = field(default_factory=list[str])

    def page(
        self,
        workspace_id: str,
        *,
        status: str | None = None,
        assigned_to: str | None = None,
        q: str = "",
        sort: str = "newest",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List them."""
        self.sorts.append(sort)
        fitting = [row for row in self.rows if status in (None, row["status"])]
        return FakePage([row for row in fitting if q.casefold() in row["title"].casefold()])

    def get(self, workspace_id: str, plan_id: str, *, whole: bool = False) -> Wire:
        """Give one."""
        found = [row for row in self.rows if row["plan_id"] == plan_id]
        if not found:
            raise NotFound("No such plan.")
        return found[0] | (self.shape if whole else {})

    def tasks(self, workspace_id: str, plan_id: str) -> Wire:
        """Give its breakdowns."""
        return self.shape

    def import_upload(self, principal: Principal, filename: str, data: bytes) -> Wire:
        """Take a plan that says so."""
        if data != b"a plan":
            raise InvalidPlan("This is no plan.", [Fault("line 1", f"unexpected {HOSTILE}")])
        return self.rows[0]


@dataclass
class FakeImports:
    """Asks nobody, and writes down what it was asked for."""

    is_configured: bool = False
    asked: list[Wire] = field(default_factory=list[Wire])

    def begin(self, principal: Principal, request: Wire, made_id: str) -> Wire:
        """Note it, unless it is refused."""
        if request["prompt"] == "refused":
            raise Conflict("It was imported before.")
        self.asked.append(request)
        return {"plan_id": made_id}


@dataclass
class FakeReadiness:
    """Says of every plan what it was told to."""

    told: Wire = field(default_factory=readiness)

    def of_plan(self, workspace_id: str, plan_id: str) -> Wire:
        """Tell it."""
        return self.told


@dataclass
class FakeReview:
    """Writes down what was done to breakdowns."""

    newest: int = 1
    approved: list[str] = field(default_factory=list[str])
    asked: list[tuple[str, str, Wire]] = field(default_factory=list[tuple[str, str, Wire]])
    queued: bool = False

    def approve(
        self, principal: Principal, plan_id: str, task_id: str, version: int | None = None
    ) -> Wire:
        """Note the approval."""
        self._look(version)
        self.approved.append(task_id)
        return {"task_id": task_id, "needs_review": False}

    def revise(self, principal: Principal, plan_id: str, task_id: str, request: Wire) -> Wire:
        """Note what is wanted."""
        return self._change("revise", task_id, request)

    def regenerate(
        self, principal: Principal, plan_id: str, task_id: str, request: Wire
    ) -> Wire | None:
        """Note what is wanted; ``queued`` leaves it to a model."""
        made = self._change("regenerate", task_id, request)
        return None if self.queued else made

    def _change(self, kind: str, task_id: str, request: Wire) -> Wire:
        self._look(request["version"])
        self.asked.append((kind, task_id, request))
        return {"version": 2, "changes": ["Changed “it”."]}

    def _look(self, version: int | None) -> None:
        if version not in (None, self.newest):
            raise Conflict(f"Version {version} was replaced by version {self.newest}.")


@dataclass
class FakeDecomposition:
    """Writes down which plans are to be broken down again."""

    has_model: bool = True
    asked: list[tuple[str, Wire]] = field(default_factory=list[tuple[str, Wire]])

    def request(self, principal: Principal, plan_id: str, request: Wire) -> None:
        """Note what is wanted."""
        if plan_id != "plan_1":
            raise NotFound("No such plan.")
        self.asked.append((plan_id, request))


@dataclass
class FakeVersions:
    """Knows two versions."""

    def of_plan(
        self, workspace_id: str, plan_id: str, limit: int = 50, cursor: str | None = None
    ) -> Page:
        """List those of a plan."""
        rows = [{"version": one, "tasks_total": 3, "created_at": NOON} for one in (2, 1)]
        return FakePage(rows[:limit])

    def of_task(
        self,
        workspace_id: str,
        plan_id: str,
        task_id: str,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List them."""
        rows = [
            {
                "version": version,
                "decomposition_confidence": 0.5,
                "subtasks_total": version,
                "changes": ["Dropped “tea”."] if version > 1 else [],
                "note": "",
                "created_at": NOON,
                "approved_by": None,
                "needs_review": True,
            }
            for version in (2, 1)
        ]
        return FakePage(rows[:limit])

    def compare_task(
        self, workspace_id: str, plan_id: str, task_id: str, before: int, after: int
    ) -> Wire:
        """Compare them."""
        old = {"subtask_id": "a", "title": "Old tea", "action": "x", "dependencies": []}
        new = {"subtask_id": "b", "title": f"New {HOSTILE}", "action": "x", "dependencies": []}
        kept = {"subtask_id": "c", "title": "Kept", "action": "x"}
        fields = [
            {"field": "dependencies", "from": ["a"], "to": ["b"]},
            {"field": "requires_approval", "from": False, "to": True},
        ]
        return {
            "from": before,
            "to": after,
            "task_id": task_id,
            "title": "Task 1.1",
            "different": True,
            "from_confidence": 0.5,
            "to_confidence": 0.75,
            "from_subtasks": [old, kept],
            "to_subtasks": [new, kept],
            "added": [new],
            "removed": [old],
            "changed": [{"subtask_id": "c", "title": "Kept", "fields": fields}],
            "moved": [],
        }


@dataclass
class FakeAgents:
    """Holds agents."""

    rows: list[Wire] = field(default_factory=lambda: [agent()])
    busy: bool = False

    def page(self, workspace_id: str, limit: int = 50, cursor: str | None = None) -> Page:
        """List them."""
        return FakePage(self.rows)

    def get(self, workspace_id: str, agent_id: str) -> Wire:
        """Give one."""
        found = [row for row in self.rows if row["agent_id"] == agent_id]
        if not found or workspace_id != WORKSPACE:
            raise NotFound("No such agent.")
        return found[0]

    def register(self, principal: Principal, request: Wire) -> Wire:
        """Add one."""
        made = {"agent_id": "agent_new", **request}
        if made["agent_id"] in [row["agent_id"] for row in self.rows]:
            raise Conflict(f"Agent {made['agent_id']!r} exists.")
        self.rows.append(agent(**made))
        return {"agent_id": made["agent_id"], "api_key": NEW_KEY}

    def change(self, principal: Principal, agent_id: str, request: Wire) -> Wire:
        """Change one."""
        found = self.get(principal.workspace_id, agent_id)
        found |= request | {"paused_at": NOON}
        return found

    def new_key(self, principal: Principal, agent_id: str) -> Wire:
        """Give one another key."""
        self.get(principal.workspace_id, agent_id)
        return {"agent_id": agent_id, "api_key": NEW_KEY}

    def delete(self, principal: Principal, agent_id: str) -> None:
        """Delete one, unless it is busy."""
        found = self.get(principal.workspace_id, agent_id)
        if self.busy:
            raise Conflict("It may still get work.")
        self.rows.remove(found)


@dataclass
class FakeKeys:
    """Holds the keys of the one user, which are those of every agent too."""

    rows: list[Wire] = field(default_factory=lambda: [api_key()])

    def of_user(self, principal: Principal) -> list[Wire]:
        """List them."""
        return self.rows

    def new_of_user(self, principal: Principal, name: str = "") -> Wire:
        """Make one more."""
        self.rows.insert(0, api_key(f"key_{len(self.rows) + 1}", name=name))
        return {"api_key": NEW_KEY}

    def revoke_of_user(self, principal: Principal, key_id: str) -> None:
        """Revoke one that is not the last."""
        if len(self.rows) == 1:
            raise Conflict("This is your only key.")
        self.revoke_of_agent(principal, "", key_id)

    def of_agent(self, workspace_id: str, agent_id: str) -> list[Wire]:
        """List them."""
        return self.rows

    def revoke_of_agent(self, principal: Principal, agent_id: str, key_id: str) -> None:
        """Revoke one."""
        found = [row for row in self.rows if row["key_id"] == key_id]
        if not found:
            raise NotFound("No such key.")
        self.rows.remove(found[0])


@dataclass
class FakeVerification:
    """What the last verification found."""

    found: str = ""

    def trouble(self, workspace_id: str, execution_id: str) -> str:
        assert (workspace_id, execution_id) == (WORKSPACE, "exec_1")
        return self.found


@dataclass
class FakeServices:
    """All of them."""

    identity: FakeIdentity = field(default_factory=FakeIdentity)
    executions: FakeExecutions = field(default_factory=FakeExecutions)
    history: FakeHistory = field(default_factory=FakeHistory)
    items: FakeItems = field(default_factory=FakeItems)
    plans: FakePlans = field(default_factory=FakePlans)
    imports: FakeImports = field(default_factory=FakeImports)
    readiness: FakeReadiness = field(default_factory=FakeReadiness)
    review: FakeReview = field(default_factory=FakeReview)
    decomposition: FakeDecomposition = field(default_factory=FakeDecomposition)
    versions: FakeVersions = field(default_factory=FakeVersions)
    agents: FakeAgents = field(default_factory=FakeAgents)
    keys: FakeKeys = field(default_factory=FakeKeys)
    blockers: FakeBlockers = field(default_factory=FakeBlockers)
    people: FakePeople = field(default_factory=FakePeople)
    inbox: FakeInbox = field(default_factory=FakeInbox)
    files: FakeFiles = field(default_factory=FakeFiles)
    verification: FakeVerification = field(default_factory=FakeVerification)

    def __post_init__(self) -> None:
        """Let the list show what the executions are."""
        self.execution_list = FakeExecutionList(self.executions)
