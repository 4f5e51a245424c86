"""The data folder: versions, access, contents."""

import os
import stat
from pathlib import Path

import pytest

from app.embedded.data_folder import DataFolder, write_private
from app.embedded.errors import FolderInUse, FolderNotWritable, FolderOfAnotherVersion


def test_secret_is_made_once_and_private(data_dir: Path) -> None:
    folder = DataFolder(data_dir)
    first = folder.secret("session")
    folder.release()
    again = DataFolder(data_dir)

    assert again.secret("session") == first
    assert again.secret("postgres") != first
    assert stat.S_IMODE((data_dir / "secrets.json").stat().st_mode) == 0o600
    again.release()


def test_folder_held_by_this_process_is_refused_to_another_opening(data_dir: Path) -> None:
    folder = DataFolder(data_dir)

    with pytest.raises(FolderInUse) as caught:
        DataFolder(data_dir)

    assert caught.value.pid == os.getpid()
    folder.release()


def test_folder_with_other_files_is_not_taken_for_a_data_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()

    with pytest.raises(FolderOfAnotherVersion, match="not empty"):
        DataFolder(tmp_path)

    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_folder_of_another_layout_is_refused(data_dir: Path) -> None:
    DataFolder(data_dir).release()
    (data_dir / "version").write_text("2\n")

    with pytest.raises(FolderOfAnotherVersion, match="layout '2'"):
        DataFolder(data_dir)


def test_place_where_no_folder_can_be_made_is_named() -> None:
    with pytest.raises(FolderNotWritable, match="/dev/null/data"):
        DataFolder(Path("/dev/null/data"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_write_access_is_named(data_dir: Path) -> None:
    DataFolder(data_dir).release()
    (data_dir / "lock").unlink()
    data_dir.chmod(0o500)

    with pytest.raises(FolderNotWritable, match="Permission denied"):
        DataFolder(data_dir)

    data_dir.chmod(0o700)


def test_emptying_keeps_only_lock_and_version_and_follows_the_database_link(
    data_dir: Path, tmp_path: Path
) -> None:
    folder = DataFolder(data_dir)
    folder.secret("session")
    elsewhere = tmp_path / "database"
    elsewhere.mkdir()
    (data_dir / "postgres").symlink_to(elsewhere)
    (data_dir / "valkey").mkdir()

    folder.empty()

    assert sorted(entry.name for entry in data_dir.iterdir()) == ["lock", "version"]
    assert not elsewhere.exists()
    folder.release()


def test_private_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")

    write_private(path, "new")

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
