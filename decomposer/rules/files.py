"""Rule files: found, read and checked; a fault is told with its file, its key and its value."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from decomposer.errors import RulesError

T = TypeVar("T")

_BUILT_IN: Final = resources.files("decomposer") / "data"
_SHOWN: Final = 80
_LARGEST: Final = 1_000_000
"""Bytes of a rule file that are read at most."""


def built_in() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the files that come along, by name."""
    for entry in sorted(_BUILT_IN.iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".toml"):
            yield entry.name, parse(entry.name, entry.read_bytes())


def of_folder(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the files of a user's folder, by name.

    Raises:
        RulesError: There is no such folder, or a file cannot be read.
    """
    if not folder.is_dir():
        raise RulesError(f"The folder of rules {str(folder)!r} does not exist.")
    for path in sorted(folder.glob("*.toml")):
        try:
            if path.stat().st_size > _LARGEST:
                raise RulesError(f"{path}: is larger than {_LARGEST} bytes.")
            content = path.read_bytes()
        except OSError as error:
            raise RulesError(f"{path}: cannot be read: {error.strerror}.") from error
        yield str(path), parse(str(path), content)


def parse(name: str, content: bytes) -> Mapping[str, Any]:
    """Read TOML.

    Raises:
        RulesError: It is none.
    """
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RulesError(f"{name}: is no TOML: {error}.") from error


def convert(name: str, key: str, value: object, kind: type[T]) -> T:
    """Check one value of a file against its shape.

    Raises:
        RulesError: It has another shape.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        place, found = _at(value, path.rstrip("`"))
        raise fault(name, f"{key}{place}".lstrip(".") or "the file", found, message) from error


def fault(name: str, key: str, value: object, message: str) -> RulesError:
    """Say what is wrong where."""
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    return RulesError(f"{name}: {key} = {shown}: {message}.")


def _at(value: object, path: str) -> tuple[str, object]:
    """Follow a path such as ``.steps[0].action`` as far as it leads."""
    found: Any = value
    for part in path.replace("[", ".[").split(".")[1:]:
        try:
            key: Any = int(part[1:-1]) if part[0] == "[" else part
            found = found[key]
        except (LookupError, TypeError, ValueError):
            break
    return path, found
