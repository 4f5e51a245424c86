"""Zip archives, read as the hostile input they may be.

Sizes an archive declares are used to refuse it, never to trust it: what counts is the number of
bytes that really come out. Only the files a plan needs are decompressed at all.
"""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import Plan
from decomposer.readers.findings import Findings
from decomposer.readers.names import Role, select
from decomposer.readers.run import read_run
from decomposer.readers.source import PlanSource, ReadLimits

_ENTRY_SIGNATURE = b"PK\x01\x02"
_END_SIGNATURE = b"PK\x05\x06"
_CHUNK = 64 * 1024
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
)


def read_zip(source: PlanSource, limits: ReadLimits, plan_id: str) -> Plan:
    """Read a run from a zip archive.

    Raises:
        InvalidPlan: See ``read_archive`` and ``read_run``.
    """
    findings = Findings()
    files = read_archive(source.data or b"", source.name, limits, findings)
    return read_run(files, plan_id, "planexe-zip", limits, findings)


def read_archive(
    data: bytes, name: str, limits: ReadLimits, findings: Findings
) -> dict[Role, bytes]:
    """Get the files of the one run in an archive.

    Raises:
        InvalidPlan: Broken, unsafe, too large, or without a run.
    """
    # Counted before the directory is parsed: a million entries cost a second and half a gigabyte.
    if data.count(_ENTRY_SIGNATURE) > limits.max_files:
        _refuse(name, f"the archive holds more than {limits.max_files} files")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, name, limits)
            files = [entry.filename for entry in entries if not entry.is_dir()]
            chosen = select(files, name, findings)
            return _read(archive, chosen, limits)
    except _BROKEN as error:
        cut = _END_SIGNATURE not in data
        reason = "it is cut short, its directory at the end is missing" if cut else error
        message = f"the zip archive is broken: {reason}"
        raise InvalidPlan(f"{name}: {message}.", [Fault(name, message)]) from error


def _refuse(where: str, message: str) -> None:
    raise InvalidPlan(f"{where}: {message}.", [Fault(where, message)])


def _check_entries(entries: Iterable[zipfile.ZipInfo], name: str, limits: ReadLimits) -> None:
    faults: list[Fault] = []
    seen: set[str] = set()
    total = 0
    for entry in entries:
        faults += [Fault(entry.filename, message) for message in _entry_faults(entry)]
        if entry.filename in seen:
            faults.append(Fault(entry.filename, "the entry appears twice"))
        seen.add(entry.filename)
        total += entry.file_size
    if total > limits.max_archive_bytes:
        message = f"unpacks to more than {limits.max_archive_bytes:,} bytes: an archive bomb?"
        faults.append(Fault(name, message))
    if faults:
        first = faults[0]
        raise InvalidPlan(f"{name} is refused. {first.where}: {first.message}.", faults)


def _entry_faults(entry: zipfile.ZipInfo) -> list[str]:
    # Some packers write backslashes; both spellings must stay inside.
    path = entry.orig_filename.replace("\\", "/")
    checks = {
        "the path leads out of the archive": ".." in path.split("/"),
        "the path is absolute": path.startswith("/") or path[1:2] == ":",
        "the name holds U+0000": "\x00" in path,
        "the entry is a link": stat.S_ISLNK(entry.external_attr >> 16),
        "the entry is encrypted": bool(entry.flag_bits & 0x1),
        # bzip2 and LZMA unpack a whole chunk at a time, whatever size is asked for.
        f"compression method {entry.compress_type} is not read": entry.compress_type
        not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED},
    }
    return [message for message, wrong in checks.items() if wrong]


def _read(
    archive: zipfile.ZipFile, chosen: dict[Role, str], limits: ReadLimits
) -> dict[Role, bytes]:
    left = limits.max_archive_bytes
    files: dict[Role, bytes] = {}
    for role, path in chosen.items():
        files[role] = _read_entry(archive, path, min(left, limits.max_file_bytes))
        left -= len(files[role])
    return files


def _read_entry(archive: zipfile.ZipFile, path: str, limit: int) -> bytes:
    content = bytearray()
    with archive.open(path) as stream:
        while chunk := stream.read(_CHUNK):
            content += chunk
            if len(content) > limit:
                _refuse(path, f"unpacks to more than {limit:,} bytes: an archive bomb?")
    return bytes(content)
