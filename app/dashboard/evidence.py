"""Files that come with a form, as evidence of what a person did."""

from collections.abc import Sequence
from typing import Final

from werkzeug.datastructures import FileStorage

from app.dashboard.ports import Files, Wire
from app.dashboard.session import visitor
from app.domain.errors import Invalid

MOST_FILES: Final = 10
_MEGABYTE: Final = 1024 * 1024


def uploaded(files: Files, sent: Sequence[FileStorage]) -> list[Wire]:
    """Keep the files of a form and name them as evidence; all of them or none.

    Raises:
        Invalid: One is too large, or there are too many.
    """
    chosen = [one for one in sent if one.filename]
    if len(chosen) > MOST_FILES:
        raise Invalid(f"Choose at most {MOST_FILES} files.")
    read = [(one, one.stream.read(files.most_bytes + 1)) for one in chosen]
    for one, content in read:
        if len(content) > files.most_bytes:
            most = megabytes(files.most_bytes)
            raise Invalid(f"{one.filename} is larger than {most}. Give it as a link instead.")
    kept = [
        files.upload(visitor(), one.filename or "", one.mimetype, content) for one, content in read
    ]
    return [{"file_id": one["file_id"]} for one in kept]


def megabytes(size: int) -> str:
    """Say how large something is: ``10 MB``."""
    return f"{size / _MEGABYTE:.3g}\N{NO-BREAK SPACE}MB"
