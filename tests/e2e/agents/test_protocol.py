"""The pages that show the protocol by ``curl``: each command is run, each answer compared."""

import os
from pathlib import Path

from config.settings import PROJECT

from ..running import Serving
from . import pages


def test_every_command_of_the_protocol_page_is_answered_as_shown(
    run: Serving, tmp_path: Path
) -> None:
    typed = pages.commands(pages.blocks(PROJECT / "docs" / "protocol.md"))

    assert_answers_are_as_shown(run, tmp_path, typed)


def assert_answers_are_as_shown(run: Serving, folder: Path, typed: list[pages.Command]) -> None:
    """Run the commands in a folder that holds the owner's key where the pages look for it."""
    (folder / ".data").mkdir(exist_ok=True)
    (folder / ".data" / "user_key").write_text(run.ready["user_key"])

    came = pages.run(typed, folder, {**os.environ, "PLANEXE_URL": run.url.rstrip("/")})

    for command, printed in zip(typed, came, strict=True):
        shown = list(pages.documents(command.shown))
        answers = list(pages.documents(printed))
        assert len(answers) == len(shown), f"{command.typed}\n{printed}"
        for one, other in zip(shown, answers, strict=True):
            pages.assert_alike(one, other, command.typed)
