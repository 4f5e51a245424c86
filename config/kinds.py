"""Kinds of setting: how each is read from text, and what it accepts, said in words."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_SECRET_LENGTH = 32


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of value. ``parse`` raises ``ValueError`` for text outside ``accepts``."""

    accepts: str
    parse: Callable[[str], T]
    unit: str = ""
    secret: bool = False


def integer(low: int, high: int, unit: str = "") -> Kind[int]:
    """Accept whole numbers from ``low`` to ``high``, both included."""
    return Kind(f"a whole number from {low} to {high}", _within(int, low, high), unit)


def number(low: float, high: float, unit: str = "") -> Kind[float]:
    """Accept numbers from ``low`` to ``high``, both included."""
    return Kind(f"a number from {low:g} to {high:g}", _within(float, low, high), unit)


def choice(*words: str) -> Kind[str]:
    """Accept one of ``words``, in any case."""

    def parse(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(value)
        return value.lower()

    return Kind(f"one of {', '.join(words)}", parse)


def text() -> Kind[str]:
    """Accept any text."""
    return Kind("text", str)


def name() -> Kind[str | None]:
    """Accept any text, where there need not be one."""
    return Kind("text", str)


def key() -> Kind[str | None]:
    """Accept the key of another server, of whatever length it makes them."""
    return Kind("text", str, secret=True)


def folder() -> Kind[Path]:
    """Accept a path; a relative one counts from the folder of ``.env``."""
    return Kind("a path", lambda value: Path(value).expanduser())


def optional_folder() -> Kind[Path | None]:
    """Accept the path of a folder that there need not be."""
    return Kind("a path", lambda value: Path(value).expanduser())


def url(*schemes: str) -> Kind[str | None]:
    """Accept a URL of one of ``schemes`` with a host. Secret, for it may hold a password."""

    def parse(value: str) -> str | None:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.hostname or parts.path or parts.query):
            raise ValueError(value)
        return value

    accepts = " or ".join(f"{scheme}://…" for scheme in schemes)
    return Kind(f"a URL {accepts}", parse, secret=True)


def secret(length: int = _SECRET_LENGTH) -> Kind[str | None]:
    """Accept text long enough not to be guessed."""

    def parse(value: str) -> str | None:
        if len(value) < length:
            raise ValueError("too short")
        return value

    return Kind(f"at least {length} characters", parse, secret=True)


Number = TypeVar("Number", int, float)


def _within(convert: Callable[[str], Number], low: Number, high: Number) -> Callable[[str], Number]:
    def parse(value: str) -> Number:
        converted = convert(value)
        if not low <= converted <= high:
            raise ValueError(value)
        return converted

    return parse
