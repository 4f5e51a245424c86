"""A month of the log as files: ``events.jsonl.gz`` and ``manifest.json``.

Each line is ``{"workspace_id": …, "hash": …, "event": …}``, executions one after the other, each
in ``seq`` order. What stands under ``event`` is the very text the hash is over: the files prove
themselves with SHA-256 alone, without this program.
"""

import datetime as dt
import gzip
import hashlib
import os
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import msgspec

from app.domain.errors import Invalid
from app.domain.events import FIRST_HASH, chain
from app.record.batches import LoggedEvent
from app.record.errors import Damaged
from app.record.partitions import Month, month_of

EVENTS: Final = "events.jsonl.gz"
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1

_DRAFT: Final = ".draft"
_LONGEST_LINE: Final = 256 * 1024 * 1024
_CHUNK: Final = 1024 * 1024
# A level higher costs twice the time and saves three per cent.
_LEVEL: Final = 6


class FileProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file of events must be, packed and unpacked, to the byte."""

    bytes: int
    sha256: str
    unpacked_bytes: int
    unpacked_sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an archive holds. ``sha256`` is that of the manifest itself, read with it empty."""

    format: int
    schema_revision: str
    month: str
    rows: int
    executions: int
    first_event_at: dt.datetime
    last_event_at: dt.datetime
    archived_at: dt.datetime
    events: FileProof
    sha256: str = ""

    @property
    def proof(self) -> str:
        """What ``sha256`` must be."""
        bare = msgspec.structs.replace(self, sha256="")
        return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()


class Head(msgspec.Struct, frozen=True):
    """Where an execution's chain has come to."""

    seq: int = 0
    hash: str = FIRST_HASH


class Contents(msgspec.Struct):
    """What has been read or written so far; made whole by going through all of it."""

    rows: int = 0
    heads: dict[str, Head] = {}
    first_at: dt.datetime | None = None
    last_at: dt.datetime | None = None


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    workspace_id: str
    hash: str
    event: msgspec.Raw


class _Told(msgspec.Struct):
    execution_id: str
    seq: int
    recorded_at: dt.datetime


_LINE: Final = msgspec.json.Decoder(_Line)
_TOLD: Final = msgspec.json.Decoder(_Told)
_MANIFEST: Final = msgspec.json.Decoder(Manifest)


class _Counted:
    """A file that knows the length and the digest of what went through it."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self._note(data)
        return self._inner.write(data)

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size)
        self._note(data)
        return data

    def flush(self) -> None:
        self._inner.flush()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _note(self, data: bytes) -> None:
        self._digest.update(data)
        self.bytes += len(data)


class Draft:
    """An archive that is being written beside the one that may be there."""

    def __init__(self, folder: Path, month: Month) -> None:
        self._folder = folder / str(month)
        self._month = month

    def write(
        self, events: Iterable[LoggedEvent], schema_revision: str, archived_at: dt.datetime
    ) -> None:
        """Write both files and see them on disk."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        contents = Contents()
        with _durable(self._folder / (EVENTS + _DRAFT)) as file:
            packed = _Counted(file)
            with gzip.GzipFile("", "wb", _LEVEL, packed, mtime=0) as inner:  # pyright: ignore[reportArgumentType]
                plain = _Counted(inner)  # pyright: ignore[reportArgumentType]
                for event in events:
                    _check(contents, event, self._month, "The log")
                    plain.write(_line(event))
        if contents.first_at is None or contents.last_at is None:
            raise Damaged(f"There are no events of {self._month}.")
        manifest = Manifest(
            format=FORMAT,
            schema_revision=schema_revision,
            month=str(self._month),
            rows=contents.rows,
            executions=len(contents.heads),
            first_event_at=contents.first_at,
            last_event_at=contents.last_at,
            archived_at=archived_at,
            events=FileProof(packed.bytes, packed.sha256, plain.bytes, plain.sha256),
        )
        manifest = msgspec.structs.replace(manifest, sha256=manifest.proof)
        with _durable(self._folder / (MANIFEST + _DRAFT)) as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")

    def read_back(self) -> tuple[Manifest, Contents]:
        """Read what was written from the disk and prove it.

        Raises:
            Damaged: It is not what it should be.
        """
        archive = Archive(self._folder, suffix=_DRAFT)
        for _ in archive.events():
            pass
        return archive.manifest, archive.contents

    def publish(self) -> None:
        """Put the files in their place, over those that may be there."""
        for name in (EVENTS, MANIFEST):
            (self._folder / (name + _DRAFT)).replace(self._folder / name)
        for folder in (self._folder, self._folder.parent):
            _sync_folder(folder)


class Archive:
    """An archive to be read.

    Raises:
        Damaged: Its manifest cannot be read, or is of another version of the program.
    """

    def __init__(self, folder: Path, suffix: str = "") -> None:
        self._path = folder / (EVENTS + suffix)
        self.manifest: Final = _read_manifest(folder / (MANIFEST + suffix))
        self.month: Final = _month(self.manifest, folder)
        self.contents: Final = Contents()

    def events(self) -> Iterator[LoggedEvent]:
        """Give every event; only who comes to the end without an error may believe any.

        Raises:
            Damaged: A byte is not what it was; the message names the file and the line.
        """
        try:
            with self._path.open("rb") as file:
                packed = _Counted(file)
                with gzip.GzipFile("", "rb", fileobj=packed) as inner:  # pyright: ignore[reportArgumentType]
                    plain = _Counted(inner)  # pyright: ignore[reportArgumentType]
                    yield from self._checked(_lines(plain, self._path))
                while packed.read(_CHUNK):
                    pass
        except (OSError, EOFError, zlib.error) as error:
            place = f"{self._path}, line {self.contents.rows + 1}"
            raise Damaged(f"{place}: cannot be read: {error}") from error
        self._compare(packed, plain)

    def _checked(self, lines: Iterable[bytes]) -> Iterator[LoggedEvent]:
        for line in lines:
            place = f"{self._path}, line {self.contents.rows + 1}"
            event = _event(line, place)
            _check(self.contents, event, self.month, place)
            yield event

    def _compare(self, packed: _Counted, plain: _Counted) -> None:
        proof, contents = self.manifest.events, self.contents
        found = FileProof(packed.bytes, packed.sha256, plain.bytes, plain.sha256)
        for name in FileProof.__struct_fields__:
            if getattr(found, name) != getattr(proof, name):
                told = f"{name} is {getattr(found, name)}, the manifest says {getattr(proof, name)}"
                raise Damaged(f"{self._path}: {told}.")
        numbers = (contents.rows, len(contents.heads), contents.first_at, contents.last_at)
        manifest = self.manifest
        if numbers != (
            manifest.rows,
            manifest.executions,
            manifest.first_event_at,
            manifest.last_event_at,
        ):
            raise Damaged(f"{self._path}: the manifest counts other events than there are.")


def remove_drafts(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote."""
    for path in folder.glob(f"*/*{_DRAFT}"):
        path.unlink(missing_ok=True)
    for path in folder.glob("????-??"):
        # One that holds an archive is not empty.
        with suppress(OSError):
            path.rmdir()


def _line(event: LoggedEvent) -> bytes:
    line = _Line(event.workspace_id, event.hash, msgspec.Raw(event.body))
    return msgspec.json.encode(line) + b"\n"


def _lines(plain: _Counted, path: Path) -> Iterator[bytes]:
    """Cut into lines what is read in large chunks."""
    rest = b""
    while chunk := plain.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > _LONGEST_LINE:
            break
    if rest:
        raise Damaged(f"{path}: its last line has no end.")


def _event(line: bytes, place: str) -> LoggedEvent:
    try:
        read = _LINE.decode(line)
        execution_id = _TOLD.decode(read.event).execution_id
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged(f"{place}: is no event: {error}") from error
    return LoggedEvent(read.workspace_id, execution_id, bytes(read.event), read.hash)


def _check(contents: Contents, event: LoggedEvent, month: Month, place: str) -> None:
    """Take one event into account, if it is the next link of its execution's chain."""
    told = _TOLD.decode(event.body)
    head = contents.heads.get(told.execution_id, Head())
    where = f"{place} ({told.execution_id}, seq {told.seq})"
    if told.execution_id != event.execution_id:
        raise Damaged(f"{where}: is kept under {event.execution_id}.")
    if month_of(told.execution_id) != month:
        raise Damaged(f"{where}: was not born in {month}.")
    if told.seq != head.seq + 1:
        raise Damaged(f"{where}: follows seq {head.seq}.")
    if chain(head.hash, event.body) != event.hash:
        raise Damaged(f"{where}: its hash is not that of its content.")
    contents.heads[told.execution_id] = Head(told.seq, event.hash)
    contents.rows += 1
    contents.first_at = min(contents.first_at or told.recorded_at, told.recorded_at)
    contents.last_at = max(contents.last_at or told.recorded_at, told.recorded_at)


def _read_manifest(path: Path) -> Manifest:
    try:
        manifest = _MANIFEST.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Damaged(f"{path}: cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise Damaged(f"{path}: is of format {manifest.format}; this program reads {FORMAT}.")
    if manifest.sha256 != manifest.proof:
        raise Damaged(f"{path}: sha256 is {manifest.proof}, it says {manifest.sha256}.")
    return manifest


def _month(manifest: Manifest, folder: Path) -> Month:
    try:
        return Month.parse(manifest.month)
    except Invalid as error:
        raise Damaged(f"{folder / MANIFEST}: {error}") from error


@contextmanager
def _durable(path: Path) -> Generator[IO[bytes]]:
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
