"""What Larry remembers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from larry import notebook as notebooks
from larry.notebook import Notebook, NotebookError

WRITER = """
import sys, time
from pathlib import Path
from larry.notebook import Notebook

Notebook(Path(sys.argv[1])).put("page", "key", {"n": 1})
print("written", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "notebook.sqlite3"


def test_values_come_back_in_the_order_of_their_keys(path: Path) -> None:
    notebook = Notebook(path)
    notebook.put("page", "b", 1)
    notebook.put("page", "a", [2])
    notebook.put("page", "b", {"three": 3})
    notebook.put("other", "b", 4)
    notebook.close()
    again = Notebook(path)
    assert list(again.page("page").items()) == [("b", {"three": 3}), ("a", [2])]
    assert (again.get("other", "b"), again.get("page", "none")) == (4, None)
    again.close()


def test_notes_survive_the_killed_writer_and_are_his_alone_until_then(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebooks, "_BUSY_SECONDS", 0.1)
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        with pytest.raises(NotebookError, match="another process uses it"):
            Notebook(path)
        os.kill(writer.pid, signal.SIGKILL)
    notebook = Notebook(path)
    assert notebook.get("page", "key") == {"n": 1}
    notebook.close()


def no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, however long one looks at it" * 9)


def file_for_folder(path: Path) -> None:
    path.parent.write_text("a file")


def folder_for_file(path: Path) -> None:
    path.mkdir(parents=True)


@pytest.mark.parametrize("prepare", [no_database, file_for_folder, folder_for_file])
def test_what_is_no_notebook_is_named(path: Path, prepare: Callable[[Path], None]) -> None:
    prepare(path)
    with pytest.raises(NotebookError, match="notebook"):
        Notebook(path)
