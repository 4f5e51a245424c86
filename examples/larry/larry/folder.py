"""The work folder of one execution: tables and documents, and nothing outside of it."""

import contextlib
import csv
import functools
import io
import re
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from larry.ports import Refused

Row = dict[str, str]
P = ParamSpec("P")
T = TypeVar("T")

_LONGEST_NAME: Final = 120
_LARGEST_TABLE_BYTES: Final = 20_000_000
_FORMULA: Final = re.compile(r"[=@\t\r\n]|[+-](?![\d ().,/-]*$)")
"""What a spreadsheet takes for a formula; numbers, also of telephones, are none."""

_writing = threading.RLock()


class WorkFolder:
    """Files of one execution, each written whole or not at all.

    Args:
        root: Is made when the first file is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of_execution(cls, work_dir: Path, execution_id: str) -> "WorkFolder":
        """Give the folder of an execution."""
        return cls(work_dir / slug(execution_id, "execution"))

    def path(self, name: str) -> Path:
        """Find the place of a file.

        Raises:
            Refused: The name leads out of the folder, or is none.
        """
        tidy = name.strip()
        # Bytes are what the disk counts; printable text has some.
        if not tidy.isprintable() or not 0 < len(tidy.encode()) <= _LONGEST_NAME:
            raise Refused(f"{name[:_LONGEST_NAME]!r} is no name for a file")
        if re.search(r"[/\\:]", tidy) or tidy.startswith("."):
            raise Refused(f"{name!r} leads out of the work folder: give a plain file name")
        path = self.root / tidy
        if path.is_symlink():
            raise Refused(f"{name!r} is a link")
        return path

    def write(self, name: str, content: bytes) -> Path:
        """Write a file, in place of one of that name."""
        path = self.path(name)
        with _writing:
            self.root.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_bytes(content)
            part.replace(path)
        return path

    def read(self, name: str) -> bytes:
        """Read a file.

        Raises:
            Refused: There is none of that name.
        """
        path = self.path(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise Refused(f"there is no file {name!r} in the work folder") from error

    def tables(self) -> Sequence[str]:
        """Name the tables, the one that was written last first."""
        found = [each for each in self.root.glob("*.csv") if not each.name.startswith(".")]
        found += self.root.glob("*.CSV")
        return [each.name for each in sorted(found, key=_age)]

    def rows(self, name: str) -> list[Row]:
        """Read a table; the columns are those of its first line.

        Raises:
            Refused: There is no such file, or it is no table.
        """
        content = self.read(name)
        if len(content) > _LARGEST_TABLE_BYTES:
            raise Refused(f"{name!r} is too large for a table: {len(content)} bytes")
        try:
            with _long_cells():
                reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), strict=True)
                return [_tidy_row(row) for row in reader]
        except (UnicodeDecodeError, csv.Error) as error:
            raise Refused(f"{name!r} is no table: {error}") from error

    def write_rows(self, name: str, rows: Sequence[Mapping[str, str]]) -> Path:
        """Write a table with the columns of all rows, in the order in which they first came."""
        columns = list(dict.fromkeys(column for row in rows for column in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writerow({column: _harmless(column) for column in columns})
        writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
        content = text.getvalue().encode()
        if len(content) > _LARGEST_TABLE_BYTES:
            raise Refused(f"{name!r} would be too large for a table: {len(content)} bytes")
        return self.write(name, content)

    def amend(self, name: str, where: Mapping[str, str], changes: Mapping[str, str]) -> None:
        """Change the rows of a table that equal ``where``; no other writer comes between."""
        with _writing:
            rows = self.rows(name)
            for row in rows:
                if all(row.get(column) == value for column, value in where.items()):
                    row.update(changes)
            self.write_rows(name, rows)


def alone(function: Callable[P, T]) -> Callable[P, T]:
    """Let nobody else write while a function reads a table, changes it and writes it back."""

    @functools.wraps(function)
    def guarded(*args: P.args, **params: P.kwargs) -> T:
        with _writing:
            return function(*args, **params)

    return guarded


def slug(text: str, otherwise: str) -> str:
    """Make a name for a file of a text."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60].strip("-").lower() or otherwise


def _tidy_row(row: Mapping[str | None, str | list[str] | None]) -> Row:
    return {
        _as_it_was(name.strip()): _as_it_was(value.strip())
        for name, value in row.items()
        if name is not None and isinstance(value, str)
    }


def _harmless(value: str) -> str:
    """Keep a spreadsheet from running what somebody put into a name: a quote makes it a text."""
    return f"'{value}" if _FORMULA.match(value) else value


def _as_it_was(value: str) -> str:
    return value[1:] if value.startswith("'") and _FORMULA.match(value[1:]) else value


@contextlib.contextmanager
def _long_cells() -> Generator[None]:
    """Let a cell be as long as a result, so that what was written can be read again.

    The limit is that of the whole process, which may have other readers.
    """
    with _writing:
        before = csv.field_size_limit(_LARGEST_TABLE_BYTES)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _age(path: Path) -> int:
    return -path.stat().st_mtime_ns
