"""Data folders and runs for the tests of the embedded servers."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from app.embedded.servers import ServerUrls, running_servers
from tests.integration.embedded.runs import Run


def make_folder() -> Path:
    """Make a temporary folder that other accounts may pass through, as the database needs."""
    path = Path(tempfile.mkdtemp(prefix="planexe ax "))
    path.chmod(0o711)
    return path


@pytest.fixture
def data_dir() -> Generator[Path]:
    """Name a data folder that is not there yet."""
    parent = make_folder()
    yield parent / "data"
    shutil.rmtree(parent)


@pytest.fixture(scope="package")
def servers() -> Generator[ServerUrls]:
    """Run both embedded servers for all tests of this folder."""
    parent = make_folder()
    with running_servers(parent / "data") as urls:
        yield urls
    shutil.rmtree(parent)


@pytest.fixture
def start(data_dir: Path) -> Generator[Callable[[str], Run]]:
    """Start runs on one data folder; they are ended with the test."""
    runs: list[Run] = []

    def start(procfile: str) -> Run:
        runs.append(Run(data_dir, procfile))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)
        if run.process.stdout:
            run.process.stdout.close()
