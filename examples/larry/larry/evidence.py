"""Files as evidence: kept by the server, so that the owner can open what Larry made."""

import hashlib
import mimetypes
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from larry.connectors.http import Http
from larry.notebook import Notebook
from larry.ports import Refused

_PAGE: Final = "uploads"
Link = dict[str, Any]


class Evidence(Protocol):
    """Where files go that the owner is to see."""

    def keep(self, path: Path) -> Link:
        """Keep a file; give ``{name}``, with ``file_id`` and ``url`` where it can be opened."""
        ...


class NoEvidence:
    """Leaves files where they are."""

    def keep(self, path: Path) -> Link:
        """Name the file."""
        return {"name": path.name}


class ServerEvidence:
    """Sends files to the server; the same content under the same name is sent once.

    Args:
        url: The server's address.
        key: A user's or an agent's.
        notebook: Remembers what was sent.
    """

    def __init__(
        self, url: str, key: str, notebook: Notebook, transport: httpx.BaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = Http(url, headers, "the server", transport=transport)
        self._notebook = notebook

    def keep(self, path: Path) -> Link:
        """Send a file; one that the server does not take is named without a link.

        Raises:
            Unreachable: The server is away.
        """
        content = path.read_bytes()
        digest = hashlib.sha256(path.name.encode() + b"\0" + content).hexdigest()
        known = self._notebook.get(_PAGE, digest)
        if known is not None:
            return known
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        try:
            told = self._http.json("POST", "/api/files", files={"file": (path.name, content, kind)})
        except Refused as refusal:
            return {"name": path.name, "not_kept": str(refusal)}
        link = {"name": told["name"], "file_id": told["file_id"], "url": told["url"]}
        self._notebook.put(_PAGE, digest, link)
        return link
