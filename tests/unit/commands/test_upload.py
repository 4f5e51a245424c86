"""A plan on disk as an upload."""

import io
import zipfile
from pathlib import Path

from app.commands.upload import read_upload


def test_file_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"{}")

    assert read_upload(path) == ("plan.json", b"{}")


def test_folder_is_zipped_under_its_name_without_links(tmp_path: Path) -> None:
    folder = tmp_path / "run one"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "inner/b.txt").write_text("b")
    (folder / "link").symlink_to("/etc/hostname")

    name, content = read_upload(folder)

    assert name == "run one.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["run one/a.txt", "run one/inner/b.txt"]
