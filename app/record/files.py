"""Files that people bring as evidence: in PostgreSQL, so backups and every machine have them."""

import datetime as dt
from collections.abc import Collection

import msgspec
from sqlalchemy import Engine, insert, select

from app.record.engine import transaction
from app.record.tables import files


class StoredFile(msgspec.Struct, frozen=True):
    """What is known of a file without its content."""

    file_id: str
    workspace_id: str
    name: str
    content_type: str
    size_bytes: int
    sha256: str
    created_by: str
    created_at: dt.datetime


_COLUMNS = tuple(files.c[name] for name in StoredFile.__struct_fields__)


class Files:
    """The files of workspaces."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, stored: StoredFile, content: bytes) -> None:
        """Keep a file.

        Raises:
            NotFound: There is no such workspace.
            AlreadyExists: There is a file of this id.
        """
        row = {**msgspec.structs.asdict(stored), "content": content}
        with transaction(self._engine) as connection:
            connection.execute(insert(files).values(row))

    def get(self, workspace_id: str, file_id: str) -> tuple[StoredFile, bytes] | None:
        """Find a file of a workspace, with its content."""
        query = select(files.c.content, *_COLUMNS).where(
            files.c.workspace_id == workspace_id, files.c.file_id == file_id
        )
        with transaction(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        content, *known = row
        return StoredFile(*known), content

    def names(self, workspace_id: str, file_ids: Collection[str]) -> dict[str, str]:
        """Name files of a workspace by id; unknown ones are left out."""
        if not file_ids:
            return {}
        query = select(files.c.file_id, files.c.name).where(
            files.c.workspace_id == workspace_id, files.c.file_id.in_(file_ids)
        )
        with transaction(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
