import pytest

from app.domain.errors import NotFound
from app.record.files import Files, StoredFile
from app.record.identities import Identities

from .builders import NOON, WORKSPACE


def make_file(file_id: str = "file_1", workspace_id: str = WORKSPACE) -> StoredFile:
    return StoredFile(file_id, workspace_id, "a.png", "image/png", 3, "0" * 64, "user:1", NOON)


@pytest.fixture
def files(identities: Identities) -> Files:
    return Files(identities._engine)


def test_file_comes_back_byte_for_byte(files: Files) -> None:
    content = bytes(range(256))
    files.add(make_file(), content)
    assert files.get(WORKSPACE, "file_1") == (make_file(), content)


def test_other_workspaces_do_not_see_it(files: Files, identities: Identities) -> None:
    identities.create_workspace("ws_2", "Second")
    files.add(make_file(), b"one")
    assert files.get("ws_2", "file_1") is None
    assert files.names("ws_2", ["file_1"]) == {}


def test_known_files_are_named(files: Files) -> None:
    files.add(make_file(), b"one")
    assert files.names(WORKSPACE, ["file_1", "file_none"]) == {"file_1": "a.png"}
    assert files.names(WORKSPACE, []) == {}


def test_file_needs_a_workspace(files: Files) -> None:
    with pytest.raises(NotFound):
        files.add(make_file(workspace_id="ws_none"), b"one")
