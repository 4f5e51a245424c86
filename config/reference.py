"""Writes what is told about the settings: ``python -m config.reference``."""

import textwrap
from pathlib import Path
from typing import Final

from config.settings import PROJECT, Spec, specs

EXAMPLE: Final = PROJECT / ".env.example"
PAGE: Final = PROJECT / "docs" / "settings.md"

_PAGE_HEAD: Final = """\
# Settings

Environment variables, read once at start. A file `.env` in the project's folder is read too; the
environment wins. All faults are named at once, and a name that starts with `PLANEXE_` and is not
listed here is a fault. An empty value means the default.

This page and `.env.example` are written by `python -m config.reference`.

| variable | default | unit | accepts | what it does |
|---|---|---|---|---|
"""
_EXAMPLE_HEAD: Final = """\
# Copy to .env and uncomment what shall differ. Written by: python -m config.reference
"""


def page() -> str:
    """Write the documentation page."""
    return _PAGE_HEAD + "".join(map(_row, specs()))


def example() -> str:
    """Write the example file: every setting, commented out, at its default."""
    return _EXAMPLE_HEAD + "".join(map(_block, specs()))


def write(targets: dict[Path, str]) -> None:
    """Replace each file by its text."""
    for path, content in targets.items():
        path.write_text(content, encoding="utf-8")


def _row(spec: Spec) -> str:
    default = "none" if spec.default is None else f"`{_plain(spec.default)}`"
    return f"| `{spec.env}` | {default} | {spec.kind.unit} | {spec.kind.accepts} | {spec.about} |\n"


def _block(spec: Spec) -> str:
    unit = f" Unit: {spec.kind.unit}." if spec.kind.unit else ""
    words = f"{spec.about}{unit} Accepts {spec.kind.accepts}."
    comment = textwrap.fill(words, 98, initial_indent="# ", subsequent_indent="# ")
    default = "" if spec.default is None else _plain(spec.default)
    return f"\n{comment}\n#{spec.env}={default}\n"


def _plain(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else str(default)


if __name__ == "__main__":
    write({EXAMPLE: example(), PAGE: page()})
