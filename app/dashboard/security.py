"""Headers that keep a page from running or leaking anything that is not ours."""

import re
import secrets

from flask import Response, g, request

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


def nonce() -> str:
    """Give the nonce of this response; inline import map and nothing else carries it."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def protect(response: Response) -> Response:
    """Set the headers of a page."""
    response.headers["Content-Security-Policy"] = _policy()
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    if response.mimetype == "text/html":
        response.headers["Cache-Control"] = "no-store"
    return response


def _policy() -> str:
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce()}'",
            f"connect-src 'self'{_socket_origin()}",
            "img-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _socket_origin() -> str:
    # Not every browser lets 'self' stand for ws: and wss: of the same host.
    if not _HOST.fullmatch(request.host):
        return ""
    return f" {'wss' if request.is_secure else 'ws'}://{request.host}"
