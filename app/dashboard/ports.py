"""What the pages need from the services; ``app.bootstrap`` passes in the real ones.

All answers have the shapes of the HTTP contract, so a page shows exactly what the JSON API says.
Refusals are ``app.domain.errors``.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from app.services.identity import Principal

Wire: TypeAlias = dict[str, Any]


class Page(Protocol):
    """One page of a list; ``next_cursor`` is None on the last."""

    @property
    def items(self) -> Sequence[Wire]:
        """The rows."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """What to pass as ``cursor`` for the rows after these."""
        ...


class Identity(Protocol):
    """Tells who somebody is."""

    def authenticate(self, key: str) -> Principal | None:
        """Give whose key this is, or None."""
        ...

    def redeem_ticket(self, ticket: str) -> Principal | None:
        """Give whose one-time ticket this was, or None; it is used up."""
        ...


class Executions(Protocol):
    """Live and finished executions."""

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
        """List executions, newest first."""
        ...

    def get(self, workspace_id: str, execution_id: str) -> Wire:
        """Give one with its progress."""
        ...

    def tree(self, workspace_id: str, execution_id: str) -> Wire:
        """Give phases, tasks and subtasks of one."""
        ...

    def latest(self, workspace_id: str, plan_ids: Sequence[str]) -> dict[str, Wire]:
        """Give the newest of each plan, by plan, where there is one."""
        ...

    def create(self, principal: Principal, request: Wire) -> Wire:
        """Start one; takes the body of ``POST /api/executions``."""
        ...

    def control(self, principal: Principal, execution_id: str, request: Wire) -> Wire:
        """Pause, resume, cancel or reassign; takes the body of ``PATCH /api/executions/{id}``."""
        ...


class ExecutionList(Protocol):
    """Executions with what each waits for."""

    def page(
        self,
        workspace_id: str,
        *,
        plan_id: str | None = None,
        agent_id: str | None = None,
        status: str | None = None,
        q: str = "",
        needs_me: bool = False,
        sort: str = "newest",
        forecast: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List executions as the query of ``GET /api/executions`` asks for them."""
        ...


class History(Protocol):
    """The log of an execution."""

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
        """List events by ``seq``; ``order`` desc gives the newest first."""
        ...


class Items(Protocol):
    """Tasks and subtasks of executions, as they were planned."""

    def get(self, workspace_id: str, execution_id: str, item_id: str) -> Wire:
        """Give what one asks for."""
        ...


class Plans(Protocol):
    """Imported plans and their breakdowns."""

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
        """List plans with what their breakdowns come to, newest or last changed first."""
        ...

    def get(self, workspace_id: str, plan_id: str, *, whole: bool = False) -> Wire:
        """Give a plan with its warnings and gates; ``whole`` also with its breakdowns."""
        ...

    def tasks(self, workspace_id: str, plan_id: str) -> Wire:
        """Give its tasks with their breakdowns."""
        ...

    def import_upload(self, principal: Principal, filename: str, data: bytes) -> Wire:
        """Read and store an uploaded plan."""
        ...


class Imports(Protocol):
    """Plans from a PlanExe server."""

    @property
    def is_configured(self) -> bool:
        """Tell whether there is a server to ask."""
        ...

    def begin(self, principal: Principal, request: Wire, made_id: str) -> Wire:
        """Ask for one; takes the body of ``POST /api/plans/generate`` and the id it gets here."""
        ...


class Readiness(Protocol):
    """What the start of a plan would meet."""

    def of_plan(self, workspace_id: str, plan_id: str) -> Wire:
        """Tell what is in the way, what needs people, and what each agent can do of it."""
        ...


class Review(Protocol):
    """What people do to breakdowns."""

    def approve(
        self, principal: Principal, plan_id: str, task_id: str, version: int | None = None
    ) -> Wire:
        """Accept the breakdown of one task."""
        ...

    def revise(self, principal: Principal, plan_id: str, task_id: str, request: Wire) -> Wire:
        """Carry out operations; takes the body of ``POST …/subtasks/operations``."""
        ...

    def regenerate(
        self, principal: Principal, plan_id: str, task_id: str, request: Wire
    ) -> Wire | None:
        """Break one task down anew, or begin to; takes the body of ``POST …/regenerate``."""
        ...


class Decomposition(Protocol):
    """Breaking whole plans down."""

    @property
    def has_model(self) -> bool:
        """Tell whether a model is set up."""
        ...

    def request(self, principal: Principal, plan_id: str, request: Wire) -> None:
        """Begin another version; takes the body of ``POST …/decompose``."""
        ...


class Versions(Protocol):
    """The versions of breakdowns."""

    def of_plan(
        self, workspace_id: str, plan_id: str, limit: int = 50, cursor: str | None = None
    ) -> Page:
        """List those of a plan, newest first."""
        ...

    def of_task(
        self,
        workspace_id: str,
        plan_id: str,
        task_id: str,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List those of one task, newest first."""
        ...

    def compare_task(
        self, workspace_id: str, plan_id: str, task_id: str, before: int, after: int
    ) -> Wire:
        """Say what differs between two versions."""
        ...


class Agents(Protocol):
    """Agents of a workspace."""

    def page(self, workspace_id: str, limit: int = 50, cursor: str | None = None) -> Page:
        """List agents with how they stand."""
        ...

    def get(self, workspace_id: str, agent_id: str) -> Wire:
        """Give one with how it stands."""
        ...

    def register(self, principal: Principal, request: Wire) -> Wire:
        """Add one and give its key; takes the body of ``POST /api/agents``."""
        ...

    def change(self, principal: Principal, agent_id: str, request: Wire) -> Wire:
        """Pause or resume one; takes the body of ``PATCH /api/agents/{id}``."""
        ...

    def new_key(self, principal: Principal, agent_id: str) -> Wire:
        """Give one another key."""
        ...

    def delete(self, principal: Principal, agent_id: str) -> None:
        """Delete one that has nothing more to do."""
        ...


class Keys(Protocol):
    """The keys of users and agents."""

    def of_user(self, principal: Principal) -> Sequence[Wire]:
        """List a user's own keys."""
        ...

    def new_of_user(self, principal: Principal, name: str = "") -> Wire:
        """Make one more."""
        ...

    def revoke_of_user(self, principal: Principal, key_id: str) -> None:
        """Revoke one that is not the last."""
        ...

    def of_agent(self, workspace_id: str, agent_id: str) -> Sequence[Wire]:
        """List an agent's keys."""
        ...

    def revoke_of_agent(self, principal: Principal, agent_id: str, key_id: str) -> None:
        """Revoke one of an agent's."""
        ...


class Blockers(Protocol):
    """What holds executions up."""

    def page(
        self,
        workspace_id: str,
        execution_id: str,
        status: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """List blockers of one execution, most blocking first."""
        ...

    def resolve(
        self, principal: Principal, execution_id: str, blocker_id: str, request: Wire
    ) -> Wire:
        """Carry out an answer; takes the body of ``POST …/blockers/{id}/resolve``."""
        ...


class People(Protocol):
    """What people do to subtasks."""

    def complete(
        self, principal: Principal, execution_id: str, task_id: str, request: Wire
    ) -> Wire:
        """Note that a subtask is done; takes the body of ``POST …/tasks/{id}/complete``."""
        ...

    def retry(self, principal: Principal, execution_id: str, task_id: str, request: Wire) -> Wire:
        """Try again; takes the body of ``POST …/tasks/{id}/retry``."""
        ...

    def skip(self, principal: Principal, execution_id: str, task_id: str, request: Wire) -> Wire:
        """Pass over; takes the body of ``POST …/tasks/{id}/skip``."""
        ...


class Files(Protocol):
    """Files that people bring as evidence."""

    @property
    def most_bytes(self) -> int:
        """How large one file may be."""
        ...

    def upload(self, principal: Principal, name: str, content_type: str, content: bytes) -> Wire:
        """Keep one; its size has been checked."""
        ...


class InboxPage(Page, Protocol):
    """One page of the inbox."""

    @property
    def total(self) -> int:
        """How much waits of what was asked for."""
        ...

    @property
    def groups(self) -> dict[str, int]:
        """How much waits of each group."""
        ...


class Inbox(Protocol):
    """All that waits for a person."""

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
    ) -> InboxPage:
        """List it: what holds up most first, of equals what has waited longest."""
        ...

    def count(self, workspace_id: str) -> int:
        """Count it, without reading it."""
        ...


class Verification(Protocol):
    """What is known of the logs' proofs."""

    def trouble(self, workspace_id: str, execution_id: str) -> str:
        """Say in a sentence what the last verification found wrong; empty where nothing."""
        ...


class Services(Protocol):
    """All the pages use."""

    @property
    def identity(self) -> Identity:
        """Tells who somebody is."""
        ...

    @property
    def executions(self) -> Executions:
        """Executions and their control."""
        ...

    @property
    def execution_list(self) -> ExecutionList:
        """Lists of executions."""
        ...

    @property
    def history(self) -> History:
        """Logs of executions."""
        ...

    @property
    def items(self) -> Items:
        """Tasks and subtasks as they were planned."""
        ...

    @property
    def plans(self) -> Plans:
        """Plans and their breakdowns."""
        ...

    @property
    def imports(self) -> Imports:
        """Plans from a PlanExe server."""
        ...

    @property
    def readiness(self) -> Readiness:
        """What the start of a plan would meet."""
        ...

    @property
    def review(self) -> Review:
        """What people do to breakdowns."""
        ...

    @property
    def decomposition(self) -> Decomposition:
        """Breaks plans down anew."""
        ...

    @property
    def versions(self) -> Versions:
        """The versions of breakdowns."""
        ...

    @property
    def agents(self) -> Agents:
        """Agents that can be chosen."""
        ...

    @property
    def keys(self) -> Keys:
        """Keys of users and agents."""
        ...

    @property
    def blockers(self) -> Blockers:
        """What holds executions up, and answers to it."""
        ...

    @property
    def people(self) -> People:
        """What people do to subtasks."""
        ...

    @property
    def files(self) -> Files:
        """Evidence."""
        ...

    @property
    def inbox(self) -> Inbox:
        """All that waits for a person."""
        ...

    @property
    def verification(self) -> Verification:
        """What is known of the logs' proofs."""
        ...
