"""Static files under an address that changes with their content.

The version is part of the path, so relative imports between modules keep it, browsers may keep
every file for good, and a new release is never mixed with an old one.
"""

import hashlib
import json
from pathlib import Path

from flask import Response, send_from_directory, url_for

_FOLDER = Path(__file__).parent / "static"
_A_YEAR_SECONDS = 365 * 24 * 3600
_MODULES = {
    "preact": "vendor/preact.mjs",
    "preact/hooks": "vendor/preact-hooks.mjs",
    "@preact/signals": "vendor/preact-signals.mjs",
    "@preact/signals-core": "vendor/preact-signals-core.mjs",
    "htm": "vendor/htm.mjs",
}


def digest(folder: Path = _FOLDER) -> str:
    """Give a short hash over names and contents of all files of a folder."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


class Assets:
    """Serves the static files of the pages."""

    def __init__(self) -> None:
        self.version = digest()

    def serve(self, version: str, name: str) -> Response:
        """Send one file; only the present version may be kept by browsers."""
        response = send_from_directory(_FOLDER, name)
        if version == self.version:
            response.cache_control.no_cache = None
            response.cache_control.public = True
            response.cache_control.max_age = _A_YEAR_SECONDS
            response.cache_control.immutable = True
        return response

    def url(self, name: str) -> str:
        """Give the address of one file."""
        return url_for("dashboard.asset", version=self.version, name=name)

    def import_map(self) -> str:
        """Give the import map: bare names of the vendored libraries to their files."""
        return json.dumps({"imports": {name: self.url(path) for name, path in _MODULES.items()}})
