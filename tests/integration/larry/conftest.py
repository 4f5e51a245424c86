"""Servers of the outside world on loopback, and a world for the twins."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from larry.notebook import Notebook
from larry.ports import Answer, Call, Hit, Message, Place
from larry.simulated import Pace

from tests import mail_servers

from .provider import Provider, running_provider


@dataclass
class Town:
    """A world of a few people, who do what the test says; it keeps what it was asked."""

    answers: dict[str, Sequence[Answer]] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    known_places: Sequence[Place] = ()
    known_pages: Sequence[Hit] = ()
    asked: list[str] = field(default_factory=list)

    def written_to(self, message: Message) -> Sequence[Answer]:
        self.asked.append(message.to)
        return self.answers.get(message.to, ())

    def called(self, to: str, script: str) -> Call:
        self.asked.append(to)
        return self.calls.get(to) or Call("", to, "no-answer", 30)

    def places(self, query: str, near: str) -> Sequence[Place]:
        self.asked.append(f"{query} in {near}")
        return [one for one in self.known_places if not near or one.town == near]

    def pages(self, query: str) -> Sequence[Hit]:
        self.asked.append(query)
        return self.known_pages


class TurnedTime:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
def time_passes() -> TurnedTime:
    return TurnedTime()


@pytest.fixture
def pace(time_passes: TurnedTime) -> Pace:
    return Pace(speed=10, now=time_passes)


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    opened = Notebook(tmp_path / "notebook.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as serving:
        yield serving


@pytest.fixture(scope="session")
def mail_servers_of_session() -> Iterator[mail_servers.MailServers]:
    """Start the mail servers once. Debian has Dovecot as dovecot-imapd."""
    if mail_servers.IS_SKIPPED:
        pytest.skip(f"{mail_servers.MISSING} is not installed")
    with mail_servers.running_mail_servers() as servers:
        yield servers


@pytest.fixture
def servers(mail_servers_of_session: mail_servers.MailServers) -> mail_servers.MailServers:
    """Mail servers without a letter."""
    mail_servers_of_session.empty()
    return mail_servers_of_session


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port at which nobody answers: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
