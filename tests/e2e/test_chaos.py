"""The short form of ``scripts/chaos``."""

import re
import subprocess
import sys

from config.settings import PROJECT


def test_nothing_acknowledged_is_lost_when_everything_breaks_in_turn() -> None:
    broken = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--minutes", "1", "--seed", "4"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    said = broken.stdout + broken.stderr
    assert broken.returncode == 0, said
    sums = re.search(
        r"^Held: (\d+) faults in .* (\d+) events acknowledged, 0 lost", said, re.MULTILINE
    )
    assert sums, said
    assert int(sums[1]) > 1
    assert int(sums[2]) > 0
