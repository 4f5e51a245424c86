"""Files that people and agents bring as evidence."""

import hashlib
from collections.abc import Sequence
from typing import Final

from app.domain.errors import NotFound
from app.domain.ids import new_id
from app.record.files import Files, StoredFile
from app.services.clock import Clock
from app.services.identity import Principal
from app.services.views import View

__all__ = ["FileService", "StoredFile", "file_path"]

LONGEST_NAME: Final = 200
UNNAMED: Final = "file"
ANY_TYPE: Final = "application/octet-stream"
SAFE_TYPES: Final = frozenset(
    {
        "application/json",
        "application/pdf",
        "application/zip",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/csv",
        "text/plain",
    }
)
"""Types that are kept as they were named; no browser runs anything in them."""


class FileService:
    """Keeps files and gives them back."""

    def __init__(self, files: Files, clock: Clock, most_bytes: int) -> None:
        self._files = files
        self._clock = clock
        self._most_bytes = most_bytes

    @property
    def most_bytes(self) -> int:
        """How large one file may be; whoever takes it in has to check that."""
        return self._most_bytes

    def upload(self, principal: Principal, name: str, content_type: str, content: bytes) -> View:
        """Keep a file; its size has been checked."""
        stored = StoredFile(
            file_id=new_id("file"),
            workspace_id=principal.workspace_id,
            name=_tidy(name),
            content_type=content_type if content_type in SAFE_TYPES else ANY_TYPE,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            created_by=principal.actor,
            created_at=self._clock(),
        )
        self._files.add(stored, content)
        return _file_view(stored)

    def get(self, workspace_id: str, file_id: str) -> tuple[StoredFile, bytes]:
        """Give a file with its content.

        Raises:
            NotFound: This workspace has no such file.
        """
        found = self._files.get(workspace_id, file_id)
        if found is None:
            raise NotFound(f"There is no file {file_id!r}.")
        return found

    def names(self, workspace_id: str, file_ids: Sequence[str]) -> dict[str, str]:
        """Name those of these files that this workspace has."""
        return self._files.names(workspace_id, file_ids)


def file_path(file_id: str) -> str:
    """Say where a file is to be had."""
    return f"/api/files/{file_id}"


def _tidy(name: str) -> str:
    """Leave of a name what is no path and can be shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(character for character in last if character.isprintable()).strip(" .")
    return shown[-LONGEST_NAME:] or UNNAMED


def _file_view(stored: StoredFile) -> View:
    return {
        "file_id": stored.file_id,
        "name": stored.name,
        "content_type": stored.content_type,
        "size_bytes": stored.size_bytes,
        "sha256": stored.sha256,
        "url": file_path(stored.file_id),
        "created_by": stored.created_by,
        "created_at": stored.created_at,
    }
