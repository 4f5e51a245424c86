"""The commands of a page, run in one shell, and their answers compared with those shown."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

MARK = "@@ block"
LEFT_OUT = "…"


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    text: str


class Command(NamedTuple):
    """What is typed, and the answers that the page shows for it."""

    typed: str
    shown: str


def blocks(page: Path, section: str = "") -> list[Block]:
    """List the fenced blocks of a page, or of one of its sections."""
    text = page.read_text()
    if section:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
        assert text, f"{page.name} has no section {section}"
    return [
        Block(*found)
        for found in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def commands(found: list[Block]) -> list[Command]:
    """Pair each bash block with the JSON block behind it."""
    pairs = zip(found, [*found[1:], Block("", "")], strict=True)
    return [
        Command(one.text, following.text if following.language == "json" else "")
        for one, following in pairs
        if one.language == "bash"
    ]


def run(page: list[Command], folder: Path, environ: dict[str, str]) -> list[str]:
    """Type all commands into one shell; give what each printed."""
    script = "\n".join(f"echo '{MARK}'\n{command.typed}" for command in page)
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    return ended.stdout.split(f"{MARK}\n")[1:]


def documents(text: str) -> Iterator[Any]:
    """Read JSON values, one after the other; ``…`` among them stands for what is left out."""
    text = re.sub(rf",\s*{LEFT_OUT}\s*\}}", f', "{LEFT_OUT}": 0}}', text)
    text = re.sub(rf"(?<=[\[,:])\s*{LEFT_OUT}(?=\s*[\],}}])", f' "{LEFT_OUT}"', text)
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        yield value


def assert_alike(shown: Any, came: Any, where: str = "answer") -> None:
    """Compare an answer with the one shown: the same members, and the same values where shown."""
    if isinstance(shown, dict):
        assert isinstance(came, dict), f"{where}: {came!r}"
        named = shown.keys() - {LEFT_OUT}
        assert named <= came.keys(), f"{where} lacks {named - came.keys()}: {came}"
        assert LEFT_OUT in shown or named == came.keys(), f"{where} has {came.keys() - named} too"
        for name in named:
            assert_alike(shown[name], came[name], f"{where}.{name}")
    elif isinstance(shown, list):
        _assert_alike_lists(shown, came, where)
    elif isinstance(shown, str) and LEFT_OUT in shown:
        pattern = ".*".join(map(re.escape, shown.split(LEFT_OUT)))
        assert shown == LEFT_OUT or re.fullmatch(pattern, came), f"{where}: {came!r}, not {shown!r}"
    else:
        assert came == shown, f"{where}: {came!r}, not {shown!r}"


def _assert_alike_lists(shown: list[Any], came: Any, where: str) -> None:
    assert isinstance(came, list), f"{where}: {came!r}"
    if shown == [LEFT_OUT]:
        assert came, f"{where} is empty"
        return
    assert len(came) == len(shown), f"{where}: {came}"
    for number, (one, other) in enumerate(zip(shown, came, strict=True)):
        assert_alike(one, other, f"{where}[{number}]")
