"""A plan on disk as an upload: a file as it is, a folder zipped."""

import io
import zipfile
from pathlib import Path


def read_upload(path: Path) -> tuple[str, bytes]:
    """Read a file, or zip a folder in memory; returns the name to send and the content.

    Links are left out: they may lead outside the folder.

    Raises:
        OSError: It does not exist or cannot be read.
    """
    if not path.is_dir():
        return path.name, path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in sorted(path.rglob("*")):
            if entry.is_file() and not entry.is_symlink():
                archive.write(entry, entry.relative_to(path.parent))
    return f"{path.name}.zip", buffer.getvalue()
