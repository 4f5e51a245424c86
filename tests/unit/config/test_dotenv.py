"""The ``.env`` file."""

from pathlib import Path

import pytest

from config.dotenv import DotenvError, read_dotenv


def test_file_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=plain", "plain"),
        ("  A = spaced  ", "spaced"),
        ("export A=exported", "exported"),
        ("A='single # quoted'", "single # quoted"),
        ('A="double"', "double"),
        ("A=pass#word # comment", "pass#word"),
        ("A=x=y", "x=y"),
        ("A=", ""),
    ],
)
def test_assignment_is_read(tmp_path: Path, line: str, value: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# comment\n\n{line}\n")

    assert read_dotenv(path) == {"A": value}


@pytest.mark.parametrize("line", ["nonsense", "=value", "two words=1"])
def test_anything_else_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / ".env"
    path.write_text(line)

    with pytest.raises(DotenvError, match="line 1"):
        read_dotenv(path)


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(DotenvError, match="cannot be read"):
        read_dotenv(path)
