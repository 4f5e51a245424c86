"""The websites of the world, served on loopback."""

import http.server
import threading
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Final

from larry.world.people import Breeder

_FIRST_PORT: Final = 18_400
_PORTS: Final = 200

_OWN: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}: {kind} breeders in {town}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>{name}</h1><p>{contact} breeds in {town}, Texas. Book a visit, or ask for the list.</p>
<form action="/contact" method="post"><label>Your address <input type="email" name="email"></label>
<label>What you look for <textarea name="message"></textarea></label><button>Send</button></form>
</body></html>"""

_BUILDER: Final = """<html><head><meta name="generator" content="Wix.com Website Builder">
<title>Home</title><script src="https://static.wixstatic.com/services/bundle.js"></script></head>
<body><h1>{name}</h1><p>Call {contact}. Made for free with Wix.com</p></body></html>"""

_OLD: Final = """<html><head></head><body bgcolor="#ffffcc"><center><font size="7">{name}</font>
<marquee>Welcome to {town}</marquee><br>Best viewed at 800 x 600. Updated in 2009.</center></body>
</html>"""

_PAGES: Final = {"own": _OWN, "builder": _BUILDER, "old": _OLD}


class Sites:
    """One server for the websites of all breeders, each in a folder of its own."""

    def __init__(self, breeders: Sequence[Breeder]) -> None:
        self._pages = {f"/{one.slug}/": _page(one) for one in breeders if one.site}
        self._server: http.server.ThreadingHTTPServer | None = None

    def serve(self) -> None:
        """Begin to serve, at the first port that is free: a restart finds the same one again."""
        self._server = _bind(self._pages)
        threading.Thread(target=self._server.serve_forever, name="sites", daemon=True).start()

    def close(self) -> None:
        """End."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def address(self, one: Breeder) -> str:
        """Give the address of a website; empty where there is none, or none is served."""
        if not one.site or self._server is None:
            return ""
        return f"http://127.0.0.1:{self._server.server_port}/{one.slug}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, pages: dict[str, str], *given: object) -> None:
        self._pages = pages
        super().__init__(*given)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with a page."""
        page = self._pages.get(self.path)
        content = (page or "Not found").encode()
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the visits are Larry's, who tells of them himself."""


def _bind(pages: dict[str, str]) -> http.server.ThreadingHTTPServer:
    for port in range(_FIRST_PORT, _FIRST_PORT + _PORTS):
        try:
            return http.server.ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, pages))
        except OSError:
            continue
    raise OSError(f"no port from {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} is free")


def _page(one: Breeder) -> str:
    words = {"name": one.name, "contact": one.contact, "town": one.town, "kind": one.kind}
    return _PAGES[one.site].format(**{name: escape(text) for name, text in words.items()})
