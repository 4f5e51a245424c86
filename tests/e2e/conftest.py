"""One run for all end-to-end tests that need no run of their own."""

from collections.abc import Iterator

import pytest

from .running import Serving, folder, serving


@pytest.fixture(scope="session")
def run() -> Iterator[Serving]:
    """Everything, with the simulated agent; the demo plan goes first."""
    with folder() as path:
        options = ("--auto-approve", "--speed", "1000")
        with serving(path, *options, PLANEXE_FINISHED_GRACE_SECONDS="1") as run:
            yield run.await_ready()
            assert run.end() == 0, run.said()
        assert not run.is_told_ready
