"""Larry's settings: read once from the environment and a TOML file, checked, then frozen.

``LARRY_SMTP_HOST`` in the environment is ``smtp_host`` in the file; the environment wins. Each
setting stands here once, with what it accepts and what it does.
"""

import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from larry.ports import LarryError

PREFIX: Final = "LARRY_"
_HIDDEN: Final = "(hidden)"

T = TypeVar("T")

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


class SettingsError(LarryError):
    """Settings cannot be used; the message names each with its value."""


@dataclass(frozen=True)
class Kind:
    """What a setting accepts; ``parse`` raises ``ValueError`` for anything else."""

    accepts: str
    parse: Callable[[str], Any]
    secret: bool = False


def _number(low: float, high: float) -> Kind:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return Kind(f"a number from {low:g} to {high:g}", parse)


def _whole(low: int, high: int) -> Kind:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return Kind(f"a whole number from {low} to {high}", parse)


def _choice(*words: str) -> Kind:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return Kind(f"one of {', '.join(words)}", parse)


def _server(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError(text)
    return text.rstrip("/")


def _networks(text: str) -> Networks:
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())


_TEXT: Final = Kind("text", str)
_KEY: Final = Kind("a key", str, secret=True)
_FILE: Final = Kind("a path", lambda text: Path(text).expanduser())
_URL: Final = Kind("an address like https://api.example.com", _server)
_NETWORKS: Final = Kind("networks like 127.0.0.0/8, with commas between", _networks)
_SECURITY: Final = _choice("tls", "starttls", "none")


def _setting(kind: Kind, default: T, about: str) -> T:
    return field(default=default, repr=not kind.secret, metadata={"kind": kind, "about": about})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that can be set. Durations and sizes carry their unit in the name."""

    url: str = _setting(_URL, "http://localhost:8000", "The server that hands out work.")
    key: str = _setting(_KEY, "", "A user key, or the agent's own.")
    agent_id: str = _setting(_TEXT, "larry", "The agent's id.")
    name: str = _setting(_TEXT, "Larry", "What people see.")
    instance: str = _setting(
        _TEXT, "", "This process among those of the agent; empty: a stable name of the work folder."
    )
    slots: int = _setting(_whole(1, 64), 4, "Tasks at once.")
    work_dir: Path = _setting(_FILE, Path("larry-work"), "Where files and the notebook are kept.")  # noqa: RUF009 a field, as all the others
    speed: float = _setting(
        _number(0.001, 1e6), 1.0, "Seconds of the simulated world in a real one; waits shrink too."
    )
    world: str = _setting(
        _TEXT, "", "The simulated world, as `module:function`. Empty: nobody answers."
    )
    sender_name: str = _setting(_TEXT, "Larry", "Who writes, calls and invites.")
    sender_address: str = _setting(_TEXT, "larry@example.com", "His address.")
    currency: str = _setting(_TEXT, "USD", "Of quotes that name none.")

    mail: str = _setting(_choice("simulated", "smtp"), "simulated", "How mail goes.")
    smtp_host: str = _setting(_TEXT, "", "Sends mail.")
    smtp_port: int = _setting(_whole(1, 65535), 587, "Its port.")
    smtp_security: str = _setting(_SECURITY, "starttls", "`tls` is implicit TLS, on port 465.")
    smtp_user: str = _setting(_TEXT, "", "Login; empty: none.")
    smtp_password: str = _setting(_KEY, "", "Its password.")
    imap_host: str = _setting(_TEXT, "", "Receives mail.")
    imap_port: int = _setting(_whole(1, 65535), 993, "Its port.")
    imap_security: str = _setting(_SECURITY, "tls", "As for SMTP.")
    imap_user: str = _setting(_TEXT, "", "Login.")
    imap_password: str = _setting(_KEY, "", "Its password.")
    imap_folder: str = _setting(_TEXT, "INBOX", "Where replies arrive.")
    mail_ca_file: Path | None = _setting(  # noqa: RUF009
        _FILE, None, "Certificates to trust besides the system's, PEM."
    )
    reply_look_seconds: float = _setting(
        _number(1, 86_400), 300.0, "First look for a reply; doubles from there."
    )
    reply_wait_hours: float = _setting(
        _number(0.01, 8760), 48.0, "How long a reply is waited for before a person is asked."
    )

    telephone: str = _setting(_choice("simulated", "twilio"), "simulated", "How calls are made.")
    twilio_url: str = _setting(_URL, "https://api.twilio.com", "Its API.")
    twilio_account: str = _setting(_TEXT, "", "Account SID.")
    twilio_token: str = _setting(_KEY, "", "Auth token.")
    twilio_from: str = _setting(_TEXT, "", "The number that calls, as +15550100.")
    call_look_seconds: float = _setting(_number(1, 3600), 15.0, "First look at a call under way.")

    interviewer: str = _setting(
        _choice("person", "simulated"),
        "person",
        "Who holds interviews; `simulated` talks to the people of the simulated world.",
    )

    places: str = _setting(
        _choice("simulated", "google", "file"), "simulated", "The directory of places."
    )
    places_url: str = _setting(_URL, "https://places.googleapis.com", "Google's API.")
    places_key: str = _setting(_KEY, "", "Its key.")
    places_file: Path | None = _setting(_FILE, None, "CSV with the columns of a place.")  # noqa: RUF009

    web_search: str = _setting(
        _choice("simulated", "brave", "file"), "simulated", "The search engine."
    )
    web_search_url: str = _setting(_URL, "https://api.search.brave.com", "Brave's API.")
    web_search_key: str = _setting(_KEY, "", "Its key.")
    web_search_file: Path | None = _setting(_FILE, None, "CSV with title, url and snippet.")  # noqa: RUF009

    web_allow: Networks = _setting(  # noqa: RUF009
        _NETWORKS, (), "Private networks whose websites may be fetched; by default none."
    )
    web_delay_seconds: float = _setting(
        _number(0, 60), 1.0, "Least time between two requests to one host."
    )
    web_timeout_seconds: float = _setting(_number(0.1, 120), 15.0, "Longest time for one page.")
    web_max_kib: int = _setting(_whole(1, 65_536), 2048, "Largest page that is read, KiB.")


_NEEDED: Final[Mapping[tuple[str, str], Sequence[str]]] = {
    ("mail", "smtp"): ("smtp_host", "imap_host", "imap_user", "imap_password"),
    ("telephone", "twilio"): ("twilio_account", "twilio_token", "twilio_from"),
    ("places", "google"): ("places_key",),
    ("places", "file"): ("places_file",),
    ("web_search", "brave"): ("web_search_key",),
    ("web_search", "file"): ("web_search_file",),
}
"""What a choice cannot do without."""


def read(
    given: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Read the settings.

    Args:
        given: What stands above all else, by the names of the attributes: the command line.
        environment: By default the process's own.
        file: A TOML file; by default the one that ``LARRY_CONFIG`` names, if any.

    Raises:
        SettingsError: Something cannot be used; all of it is named.
    """
    environ = dict(os.environ if environment is None else environment)
    named = environ.pop(f"{PREFIX}CONFIG", "")
    path = file or (Path(named) if named else None)
    texts = {**_from_file(path), **_from_environment(environ), **(given or {})}
    faults: list[str] = []
    values = {name: _parsed(name, text, faults) for name, text in texts.items()}
    faults += _absent({**_defaults(), **values})
    if faults:
        raise SettingsError("The settings cannot be used:" + "".join(f"\n  {f}" for f in faults))
    return Settings(**values)


def _kinds() -> dict[str, Kind]:
    return {each.name: each.metadata["kind"] for each in fields(Settings)}


def _defaults() -> dict[str, Any]:
    return {each.name: each.default for each in fields(Settings)}


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(PREFIX)
    }


def _from_file(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    return {name: str(value) for name, value in found.items()}


def _parsed(name: str, text: str, faults: list[str]) -> Any:
    kind = _kinds().get(name)
    if kind is None:
        faults.append(f"{PREFIX}{name.upper()}: there is no such setting")
        return None
    try:
        return kind.parse(text)
    except ValueError:
        shown = _HIDDEN if kind.secret else text
        faults.append(f"{PREFIX}{name.upper()}={shown}: {kind.accepts}")
        return None


def _absent(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{PREFIX}{name.upper()} is missing: {PREFIX}{choice.upper()}={value} needs it"
        for (choice, value), names in _NEEDED.items()
        if values.get(choice) == value
        for name in names
        if not values.get(name)
    ]
