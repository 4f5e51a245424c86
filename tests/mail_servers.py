"""Real mail servers on loopback: SMTP by aiosmtpd, IMAP by Dovecot, both with TLS and login."""

import asyncio
import grp
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER = "larry"
PASSWORD = "correct horse"
ADDRESS = "larry@example.com"
MISSING = next(
    (one for one in ("dovecot",) if shutil.which(one, path="/usr/sbin:/usr/bin") is None), ""
)
IS_SKIPPED = bool(MISSING) and os.environ.get("CI") != "true"
"""Whether tests that need them are passed over; CI has to have them."""

_START_SECONDS = 20.0

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 1
default_login_user = {login_user}
default_internal_user = {internal_user}
default_internal_group = {internal_group}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
"""


@dataclass
class MailServers:
    """Where they listen, what was handed to them, and a way to bring mail."""

    ca_file: Path
    starttls_port: int
    smtps_port: int
    imap_port: int
    imaps_port: int
    mailbox: Path
    received: list[EmailMessage] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    on_letter: Callable[[EmailMessage], None] = lambda _: None

    def deliver(self, letter: EmailMessage) -> None:
        """Put a letter into the mailbox, as a mail server does."""
        name = f"{time.time_ns()}.{len(list(self.mailbox.glob('*/*')))}.test"
        waiting, there = self.mailbox / "tmp" / name, self.mailbox / "new" / name
        waiting.write_bytes(letter.as_bytes(policy=policy.SMTP))
        owner = self.mailbox.stat()
        if os.getuid() == 0:
            os.chown(waiting, owner.st_uid, owner.st_gid)
        waiting.rename(there)

    def empty(self) -> None:
        """Forget all letters, for the next test."""
        self.received.clear()
        self.refused.clear()
        self.on_letter = lambda _: None
        for letter in [*self.mailbox.glob("new/*"), *self.mailbox.glob("cur/*")]:
            letter.unlink()

    def settings(self, security: str = "starttls") -> dict[str, str]:
        """Give Larry's settings of these servers, as text."""
        tls = security == "tls"
        return {
            "mail": "smtp",
            "mail_ca_file": str(self.ca_file),
            "sender_address": ADDRESS,
            "smtp_host": "localhost",
            "smtp_port": str(self.smtps_port if tls else self.starttls_port),
            "smtp_security": security,
            "smtp_user": USER,
            "smtp_password": PASSWORD,
            "imap_host": "localhost",
            "imap_port": str(self.imaps_port if tls else self.imap_port),
            "imap_security": security,
            "imap_user": USER,
            "imap_password": PASSWORD,
        }


def answer_to(letter: EmailMessage, body: str, sender: str | None = None) -> EmailMessage:
    """Write an answer to a letter, in its thread and with it quoted."""
    answer = EmailMessage()
    answer["From"] = sender or letter["To"]
    answer["To"] = ADDRESS
    answer["Subject"] = f"Re: {letter['Subject']}"
    answer["Message-ID"] = f"<{time.time_ns()}@carol.example>"
    answer["In-Reply-To"] = letter["Message-ID"]
    answer["References"] = f"{letter.get('References', '')} {letter['Message-ID']}".strip()
    answer["Date"] = "Sun, 22 Nov 2026 10:00:00 +0000"
    answer.set_content(f"{body}\n\nOn Sunday, Larry wrote:\n> {letter['Subject']}\n")
    return answer


@contextmanager
def running_mail_servers() -> Iterator[MailServers]:
    """Serve mail until the block ends."""
    # Short, for the sockets in it; open to the accounts that Dovecot runs as.
    folder = Path(tempfile.mkdtemp(prefix="larry-mail-"))
    folder.chmod(0o755)
    try:
        servers = _prepared(folder)
        with _dovecot(folder, servers), _smtp(folder, servers):
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepared(folder: Path) -> MailServers:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "server.key"))
    chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
    (folder / "server.pem").write_bytes(chain)
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    mailbox = folder / "mail" / USER
    for part in ("new", "cur", "tmp"):
        (mailbox / part).mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        owner = pwd.getpwnam("dovecot")
        for each in (folder / "mail", mailbox, *mailbox.iterdir()):
            os.chown(each, owner.pw_uid, owner.pw_gid)
    ports = _free_ports(4)
    return MailServers(folder / "ca.pem", *ports, mailbox)


@contextmanager
def _dovecot(folder: Path, servers: MailServers) -> Iterator[None]:
    (folder / "dovecot.conf").write_text(_configuration(folder, servers))
    command = [shutil.which("dovecot", path="/usr/sbin:/usr/bin") or "dovecot", "-F", "-c"]
    process = subprocess.Popen([*command, str(folder / "dovecot.conf")], start_new_session=True)
    try:
        for port in (servers.imap_port, servers.imaps_port):
            _await_port(port, lambda: process.poll() is None, folder / "dovecot.log")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_START_SECONDS)


def _configuration(folder: Path, servers: MailServers) -> str:
    me = pwd.getpwuid(os.getuid())
    root = os.getuid() == 0
    owner = pwd.getpwnam("dovecot") if root else me
    return _DOVECOT.format(
        folder=folder,
        uid=owner.pw_uid,
        gid=owner.pw_gid,
        login_user="dovenull" if root else me.pw_name,
        internal_user=owner.pw_name,
        internal_group=grp.getgrgid(owner.pw_gid).gr_name,
        imap_port=servers.imap_port,
        imaps_port=servers.imaps_port,
    )


class _Letters:
    """Takes letters in as aiosmtpd hands them over."""

    def __init__(self, servers: MailServers) -> None:
        self._servers = servers

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse the addresses that are to be refused."""
        if address in self._servers.refused:
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a letter and tell of it."""
        content: Any = envelope.content
        letter = message_from_bytes(content, EmailMessage, policy=policy.default)
        self._servers.received.append(letter)
        await asyncio.to_thread(self._servers.on_letter, letter)
        return "250 OK"


@contextmanager
def _smtp(folder: Path, servers: MailServers) -> Iterator[None]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem", folder / "server.key")
    common: dict[str, Any] = {
        "hostname": "127.0.0.1",
        "auth_required": True,
        "authenticator": _authenticated,
    }
    handler = _Letters(servers)
    starttls = Controller(
        handler, port=servers.starttls_port, tls_context=tls, require_starttls=True, **common
    )
    # Behind implicit TLS aiosmtpd does not know that the line is safe: it would offer no login.
    unaware = {**common, "auth_required": False, "auth_require_tls": False}
    implicit = Controller(handler, port=servers.smtps_port, ssl_context=tls, **unaware)
    starttls.start()
    implicit.start()
    try:
        yield
    finally:
        implicit.stop()
        starttls.stop()


def _authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
) -> AuthResult:
    right = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=given == right, handled=False)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _await_port(port: int, alive: Callable[[], bool], log: Path) -> None:
    ends_at = time.monotonic() + _START_SECONDS
    pause = threading.Event()
    while time.monotonic() < ends_at and alive():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            pause.wait(0.02)
        else:
            return
    told = log.read_text() if log.exists() else ""
    raise AssertionError(f"nothing listens on port {port}: {told}")
