"""Larry in a small town."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.larry.stage import Larry


@pytest.fixture
def larry(tmp_path: Path) -> Iterator[Larry]:
    """Larry at work, with nothing done yet."""
    made = Larry(tmp_path / "work")
    yield made
    made.stop()
