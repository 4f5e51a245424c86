"""The load: all agents and the user's hands, each in a thread."""

import random
import threading
from collections.abc import Callable
from typing import Any, Final

from tests.chaos.agents import Agent
from tests.chaos.caller import Caller
from tests.chaos.journal import Journal
from tests.chaos.site import Site
from tests.chaos.user import User

_SLOTS: Final = {"solo-1": 1, "solo-2": 1, "solo-3": 1, "solo-4": 1, "crew-1": 3, "crew-2": 3}
_CREATORS: Final = 3
_AT_ONCE: Final = 4
_END_SECONDS: Final = 15.0


class Load:
    """Works on the site until it is told to end."""

    def __init__(self, site: Site, journal: Journal, seed: int) -> None:
        self._site = site
        self._journal = journal
        self._chance = random.Random(seed)
        self._enough = threading.Event()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._creators: list[User] = []

    def start(self) -> None:
        """Register the agents and set everybody to work."""
        registrar = self._caller(self._site.user_key)
        for agent_id, slots in _SLOTS.items():
            body = {
                "agent_id": agent_id,
                "name": agent_id,
                "capabilities": ["noop"],
                "max_concurrent_tasks": slots,
            }
            key: str = registrar.send("POST", "/api/agents", body).json()["api_key"]
            for slot in range(slots):
                self._run(self._agent(f"{agent_id}.{slot}", agent_id, key).run)
        registrar.close()
        for _ in range(_CREATORS):
            user = self._user()
            self._creators.append(user)
            self._run(user.create, _AT_ONCE)
        self._run(self._user().answer, self._over)

    @property
    def started(self) -> list[str]:
        """Executions whose creation was acknowledged."""
        return [one for user in self._creators for one in user.started]

    def begin_no_more(self) -> None:
        """Let what has begun be carried out, and begin nothing new."""
        self._enough.set()

    def end(self) -> None:
        """Stop everybody where they are."""
        self._enough.set()
        self._over.set()
        for thread in self._threads:
            thread.join(_END_SECONDS)

    def _run(self, target: Callable[..., None], *args: Any) -> None:
        # A daemon: a request under way must not hold up the end of an interrupted run.
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _caller(self, key: str) -> Caller:
        return Caller(self._site, self._journal, key, self._over)

    def _agent(self, name: str, agent_id: str, key: str) -> Agent:
        self._journal.expects(name)
        return Agent(name, agent_id, self._caller(key), self._journal, self._fork())

    def _user(self) -> User:
        caller = self._caller(self._site.user_key)
        return User(caller, self._journal, list(_SLOTS), self._fork(), self._enough)

    def _fork(self) -> random.Random:
        return random.Random(self._chance.getrandbits(64))
