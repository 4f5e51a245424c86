"""Who pays for the SDK."""

import subprocess
import sys


def test_web_processes_do_not_import_the_sdk() -> None:
    program = "import sys, app.web, workers.broker; sys.exit('openai' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
