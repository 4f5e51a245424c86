"""What a plan is read from, and how much of it at most."""

from pathlib import Path
from typing import Self

import msgspec

from app.domain.errors import Fault, InvalidPlan


class ReadLimits(msgspec.Struct, frozen=True):
    """Bounds of one import. Sizes in bytes, after decompression.

    ``max_edges`` counts prerequisites after phases have been replaced by their tasks: two phases
    of 5,000 tasks and one line between them would otherwise make 25 million.
    """

    max_archive_bytes: int = 200_000_000
    max_files: int = 5_000
    max_file_bytes: int = 32_000_000
    max_tasks: int = 10_000
    max_subtasks: int = 100_000
    max_edges: int = 200_000
    hours_per_day: float = 8.0


class PlanSource(msgspec.Struct, frozen=True):
    """Where a plan comes from; exactly one of folder, data and document is set.

    ``name`` is shown in messages only: the format is told by content.
    """

    name: str
    folder: Path | None = None
    data: bytes | None = None
    document: object = None

    @classmethod
    def from_path(cls, path: Path | str) -> Self:
        """Take a folder, or the content of a file.

        Raises:
            InvalidPlan: There is nothing, or it cannot be read.
        """
        path = Path(path)
        if path.is_dir():
            return cls(path.name, folder=path)
        try:
            return cls(path.name, data=path.read_bytes())
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise InvalidPlan(f"{path}: {reason}.", [Fault(str(path), reason)]) from error

    @classmethod
    def from_upload(cls, filename: str, data: bytes) -> Self:
        """Take the content of an uploaded file."""
        return cls(filename, data=data)

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Take a parsed JSON document, usually the body of a request."""
        return cls("document", document=document)
