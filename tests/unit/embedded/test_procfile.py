"""The Procfile."""

from pathlib import Path

import pytest

from app.embedded.errors import StartError
from app.embedded.procfile import read_procfile
from config.settings import PROJECT


def test_commands_are_split_as_a_shell_would(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_text("# all\nweb: serve --title 'a b'\n\nclock: python -m clock\n")

    assert read_procfile(path) == {
        "web": ["serve", "--title", "a b"],
        "clock": ["python", "-m", "clock"],
    }


@pytest.mark.parametrize("line", ["web", "web:", ": serve"])
def test_line_without_name_or_command_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "Procfile"
    path.write_text(line)

    with pytest.raises(StartError, match="line 1 is not name: command"):
        read_procfile(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be read"):
        read_procfile(tmp_path / "Procfile")


def test_projects_own_file_names_the_four_processes() -> None:
    assert list(read_procfile(PROJECT / "Procfile")) == ["web", "worker", "clock", "desk"]
