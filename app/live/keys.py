"""Spells every Redis key. ``docs/redis-keys.md`` says what each holds.

Ids that people bring may hold ``:``, so each stands behind its kind, at the end of a key: no two
things can share one. All keys of a workspace share the hash tag ``{workspace}``, so that one
script may touch them and Redis Cluster keeps them on one node.
"""

from typing import Final

WORKSPACES: Final = "ax:workspaces"
"""Set of the workspaces that have a log: what the workers go round."""

CLOCK_SLOT: Final = "ax:clock:{slot}"
"""String: one of several clocks has said what is due in this second."""

MODEL_CALLS: Final = "ax:model:{all}:calls"
"""Sorted set: calls to the model that are under way, by the time at which they count no more."""

MODEL_STARTS: Final = "ax:model:{all}:starts"
"""Sorted set: calls to the model that began within the last minute."""

MODEL_PAUSE: Final = "ax:model:{all}:pause"
"""String: the model's server wants to be left alone for as long as this lasts."""

WAKE_PATTERN: Final = "ax:{*}:wake"
"""Matches the wake-up channels of all workspaces."""

TIMER_SEPARATOR: Final = "|"


class Keys:
    """The keys of one workspace."""

    __slots__ = ("_prefix", "aside", "blockers", "log", "timers", "waits", "wake", "workspace_id")

    def __init__(self, workspace_id: str) -> None:
        self.workspace_id = workspace_id
        self._prefix = f"ax:{{{workspace_id}}}:"
        self.log = self._prefix + "log"
        self.timers = self._prefix + "timers"
        self.wake = self._prefix + "wake"
        self.blockers = self._prefix + "blockers"
        self.aside = self._prefix + "aside"
        self.waits = self._prefix + "waits"

    def header(self, execution_id: str) -> str:
        """Hash: ``seq`` and ``header``, the version and the header as JSON."""
        return f"{self._prefix}x:{execution_id}"

    def states(self, execution_id: str) -> str:
        """Hash: ``s:<subtask>`` and ``t:<task>``, each a state as JSON."""
        return f"{self._prefix}x:{execution_id}:s"

    def events(self, execution_id: str) -> str:
        """Stream: its events, recorded or not; the id of each is ``0-<seq>``."""
        return f"{self._prefix}x:{execution_id}:e"

    def places(self, execution_id: str) -> str:
        """Hash: where each ready subtask is queued and each running one is leased."""
        return f"{self._prefix}x:{execution_id}:w"

    def seen(self, execution_id: str) -> str:
        """Hash: the receipt of each ``event_id``."""
        return f"{self._prefix}seen:{execution_id}"

    def graph(self, graph_id: str) -> str:
        """Hash: ``packed``, and a field per live execution that uses this graph."""
        return f"{self._prefix}g:{graph_id}"

    def agent(self, agent_id: str) -> str:
        """Hash: ``last_contact_at`` of an agent."""
        return f"{self._prefix}agent:{agent_id}"

    def work(self, agent_id: str) -> str:
        """Stream: what the agent may claim, oldest first."""
        return f"{self._prefix}work:{agent_id}"

    def leases(self, agent_id: str) -> str:
        """Hash: ``<execution>|<subtask>`` to the poll that holds it."""
        return f"{self._prefix}leases:{agent_id}"

    def executions(self, agent_id: str) -> str:
        """Set: the unfinished executions that are an agent's."""
        return f"{self._prefix}executions:{agent_id}"

    def ticket(self, ticket: str) -> str:
        """String: whom a one-time ticket lets in."""
        return f"{self._prefix}ticket:{ticket}"

    def idempotency(self, owner: str, key: str) -> str:
        """String: the answer to a POST that carried this ``Idempotency-Key``."""
        return f"{self._prefix}idem:{len(owner)}:{owner}:{key}"

    def made(self, owner: str, key: str) -> str:
        """String: the id of what a POST with this ``Idempotency-Key`` makes, at each try."""
        return f"{self._prefix}made:{len(owner)}:{owner}:{key}"

    def inquiry(self, inquiry_id: str) -> str:
        """Hash: ``question`` and ``answer`` of an agent that wants a task broken down."""
        return f"{self._prefix}inquiry:{inquiry_id}"

    def answered(self, inquiry_id: str) -> str:
        """List: one entry once the inquiry is answered, for those who wait for that."""
        return f"{self._prefix}answered:{inquiry_id}"

    def lock(self, name: str) -> str:
        """String: somebody does this now."""
        return f"{self._prefix}lock:{name}"


def lease_field(execution_id: str, subtask_id: str) -> str:
    """Name a lease within ``Keys.leases``."""
    return f"{execution_id}{TIMER_SEPARATOR}{subtask_id}"


def timer(kind: str, execution_id: str, subtask_id: str = "") -> str:
    """Name a timer: ``lease``, ``delay``, ``timeout`` of a subtask, ``limit``, ``retire`` of all.

    Their meaning stands with ``app.live.timers.Timer``.
    """
    return TIMER_SEPARATOR.join((kind, execution_id, subtask_id))


def agent_timer(agent_id: str) -> str:
    """Name the timer that finds an agent off line."""
    return timer("offline", agent_id)


def workspace_of(key: str) -> str:
    """Read the workspace back out of a key."""
    return key[key.index("{") + 1 : key.index("}")]
