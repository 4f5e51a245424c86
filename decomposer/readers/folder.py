"""A run as a folder on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import Plan
from decomposer.readers.findings import Findings
from decomposer.readers.names import Role, select
from decomposer.readers.run import read_run
from decomposer.readers.source import PlanSource, ReadLimits


def read_planexe_folder(source: PlanSource, limits: ReadLimits, plan_id: str) -> Plan:
    """Read a run from a folder.

    Raises:
        InvalidPlan: See ``read_folder`` and ``read_run``.
    """
    findings = Findings()
    files = read_folder(cast("Path", source.folder), limits, findings)
    return read_run(files, plan_id, "planexe-folder", limits, findings)


def read_folder(folder: Path, limits: ReadLimits, findings: Findings) -> dict[Role, bytes]:
    """Get the files of the run in a folder or in the one folder below it.

    Raises:
        InvalidPlan: No run, too many or too large files, or one that cannot be read.
    """
    try:
        chosen = select(_paths(folder, limits), folder.name, findings)
        return {role: _content(folder / path, limits) for role, path in chosen.items()}
    except OSError as error:
        where, reason = str(error.filename or folder.name), error.strerror or "cannot be read"
        raise InvalidPlan(f"{where}: {reason}.", [Fault(where, reason)]) from error


def _paths(folder: Path, limits: ReadLimits) -> Iterator[str]:
    # In name order, so that the same folder gives the same plan everywhere.
    found = sorted([*folder.glob("*"), *folder.glob("*/*")])
    for count, path in enumerate(found, 1):
        if count > limits.max_files:
            message = f"holds more than {limits.max_files} files"
            raise InvalidPlan(f"{folder.name} {message}.", [Fault(folder.name, message)])
        if path.is_file():
            yield path.relative_to(folder).as_posix()


def _content(path: Path, limits: ReadLimits) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(limits.max_file_bytes + 1)
    if len(content) > limits.max_file_bytes:
        message = f"larger than {limits.max_file_bytes:,} bytes"
        raise InvalidPlan(f"{path.name} is {message}.", [Fault(path.name, message)])
    return content
