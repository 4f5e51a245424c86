"""The guide for authors of agents shows what is there, and its code runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from planexe_agent.check.walk import PROBES

from config.settings import PROJECT

PAGE = PROJECT / "docs" / "agents.md"
EXAMPLES = [*PROJECT.glob("examples/*.py"), *PROJECT.glob("examples/*.sh")]
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
PROGRAM, TEST = (block for block in PYTHON if block.startswith(("import", "from")))
EXCERPTS = [block for block in PYTHON if block not in (PROGRAM, TEST)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_in_the_guide(example: Path) -> None:
    assert f"| `examples/{example.name}` |" in PAGE.read_text()


@pytest.mark.parametrize("excerpt", EXCERPTS)
def test_excerpt_stands_so_in_an_example(excerpt: str) -> None:
    assert any(excerpt in example.read_text() for example in EXAMPLES)


def test_probes_of_the_check_and_their_documentation_are_the_same() -> None:
    rows = re.findall(r"^\| (`.+?) \|", PAGE.read_text().partition("| probe |")[2], re.MULTILINE)

    assert set(re.findall(r"`(.+?)`", " ".join(rows))) == {*PROBES, "clean-up", "patience"}


def test_agent_of_the_guide_passes_the_guides_test_of_it(tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(PROGRAM)
    (tmp_path / "test_greeter.py").write_text(TEST)
    words = ["-q", "-p", "no:cacheprovider", "--override-ini", "pythonpath=.", "-c", "/dev/null"]

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout
