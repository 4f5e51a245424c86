"""One run for all end-to-end tests that need no run of their own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from .browsing import CHROMIUM, QUIET, Hand, Visit
from .running import Serving, folder, serving


@pytest.fixture(scope="session")
def run() -> Iterator[Serving]:
    """Everything, with the simulated agent; the demo plan goes first."""
    with folder() as path:
        options = ("--agent", "simulated", "--auto-approve", "--speed", "1000")
        with serving(path, *options, PLANEXE_FINISHED_GRACE_SECONDS="1") as run:
            yield run.await_ready()
            assert run.end() == 0, run.said()
        assert not run.is_told_ready


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window; not for longer, as no test may use asyncio while it is there."""
    assert CHROMIUM, "Chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, run: Serving) -> Iterator[Visit]:
    """A browser with script."""
    with browser.new_context() as context:
        yield Visit(context, run)


@pytest.fixture
def hand(run: Serving) -> Hand:
    """An agent at the test's command."""
    return Hand(run)
