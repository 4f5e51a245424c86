"""A run with stand-in processes: ``python runner.py DATA_DIR PROCFILE``."""

import os
import sys
from pathlib import Path

from app.embedded.console import Console
from app.embedded.data_folder import DataFolder
from app.embedded.errors import StartError
from app.embedded.procfile import read_procfile
from app.embedded.program import Program
from app.embedded.servers import start_servers
from app.embedded.supervisor import Stopped, Supervisor


def main(data_dir: Path, procfile: Path) -> int:
    """Serve until a signal asks to stop; says ``ready`` once everything was started."""
    console = Console()
    folder = DataFolder(data_dir)
    try:
        with Supervisor(console, [folder.lock.descriptor]) as supervisor:
            supervisor.obey_signals()
            start_servers(folder, supervisor)
            for name, words in read_procfile(procfile).items():
                supervisor.start(Program(name, words, os.environ, procfile.parent))
            console.say("ready")
            while True:
                supervisor.pump()
    except Stopped:
        return 0
    finally:
        folder.release()


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
    except StartError as error:
        print(error, flush=True)
        sys.exit(2)
