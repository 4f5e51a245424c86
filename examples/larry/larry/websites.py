"""Fetching websites politely and without being led astray.

robots.txt is heeded, a host is left alone between two requests, time, size and redirects are
bounded. An address is looked up once, checked, and that very address is connected to: a name that
points somewhere else a moment later leads nowhere.
"""

import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import httpcore
import httpx

from larry.line import GuardedLine
from larry.ports import Refused, Unreachable
from larry.settings import Networks

_AGENT: Final = "LarryBot/0.1"
_REDIRECTS: Final = 5
_ROBOTS_BYTES: Final = 512 * 1024
_LONGEST_DELAY_SECONDS: Final = 30.0
_ERRORS_FROM: Final = 400
_PORTS: Final = {"http": 80, "https": 443}

_FAULTS: Final = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Page:
    """What a website answered.

    Attributes:
        url: Where it was found in the end.
        seconds: How long the server took, from the first request to the last byte.
        truncated: Whether there was more than is read.
    """

    url: str
    status: int
    html: str
    seconds: float
    truncated: bool = False


@dataclass(frozen=True)
class Limits:
    """How long and how much."""

    delay_seconds: float = 1.0
    timeout_seconds: float = 15.0
    max_bytes: int = 2048 * 1024


def resolve(host: str, port: int) -> Sequence[str]:
    """Look the addresses of a host up."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


class Websites:
    """Fetches pages.

    Args:
        limits: Time, size and delay.
        allow: Private networks that may be reached all the same.
        resolver: Looks addresses up; tests give their own.
        pause: Waits so many seconds.
        tls: Which certificates are trusted; by default those of the system.
    """

    def __init__(
        self,
        limits: Limits,
        allow: Networks = (),
        resolver: Resolve = resolve,
        pause: Callable[[float], object] = time.sleep,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._allow = allow
        self._resolve = resolver
        self._pause = pause
        self._tls = tls or ssl.create_default_context()
        self._robots: dict[str, RobotFileParser] = {}
        self._next_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def fetch(self, url: str) -> Page:
        """Fetch a page.

        Raises:
            Refused: The address is none of the public web, or the site wants no robots there.
            Unreachable: It does not answer, not in time, or with a fault of its own.
        """
        parts = _checked(url if "://" in url else f"https://{url}")
        started_at = time.monotonic()
        waited = 0.0
        for _ in range(_REDIRECTS + 1):
            robots = self._robots_of(parts)
            if not robots.can_fetch(_AGENT, parts.geturl()):
                raise Refused(f"{parts.netloc} wants no robots at {parts.path or '/'}")
            waited += self._wait_turn(parts, robots)
            page, target = self._get(parts, self._limits.max_bytes)
            if target is None:
                seconds = time.monotonic() - started_at - waited
                return Page(page.url, page.status, page.html, seconds, page.truncated)
            parts = _led(parts, target)
        raise Refused(f"{url} leads on and on")

    def _robots_of(self, parts: SplitResult) -> RobotFileParser:
        place = f"{parts.scheme}://{parts.netloc}"
        known = self._robots.get(place)
        if known is None:
            known = self._read_robots(place)
            self._robots[place] = known
        return known

    def _read_robots(self, place: str) -> RobotFileParser:
        """Read a robots.txt; as RFC 9309 has it, none means all and a fault means nothing."""
        robots = RobotFileParser()
        parts = urlsplit(f"{place}/robots.txt")
        for _ in range(_REDIRECTS + 1):
            page, target = self._get(parts, _ROBOTS_BYTES)
            if target is None:
                _parse(robots, page.html.splitlines() if page.status < _ERRORS_FROM else ())
                return robots
            parts = _led(parts, target)
        robots.parse(())
        return robots

    def _wait_turn(self, parts: SplitResult, robots: RobotFileParser) -> float:
        wanted = min(int(robots.crawl_delay(_AGENT) or 0), _LONGEST_DELAY_SECONDS)
        delay = max(self._limits.delay_seconds, wanted)
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next_at.get(parts.netloc, 0.0))
            self._next_at[parts.netloc] = turn + delay
        if turn > now:
            self._pause(turn - now)
        return turn - now

    def _get(self, parts: SplitResult, max_bytes: int) -> tuple[Page, str | None]:
        """Send one request; give the page, and where it leads to where it is a redirect."""
        line = GuardedLine(str(self._address(parts)), self._limits.timeout_seconds)
        place = httpx.URL(parts.geturl())
        headers = {
            "Host": place.netloc.decode(),
            "User-Agent": _AGENT,
            "Accept-Encoding": "identity",
        }
        with (
            _translated(parts),
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=line) as pool,
            pool.stream("GET", str(place), headers=list(headers.items())) as response,
        ):
            told = httpx.Response(response.status, headers=response.headers)
            if told.is_redirect and "location" in told.headers:
                return Page(parts.geturl(), told.status_code, "", 0.0), told.headers["location"]
            if told.is_server_error:
                raise Unreachable(f"{parts.netloc} answers {told.status_code}")
            encoding = told.headers.get("content-encoding", "")
            body, truncated = _read(response.iter_stream(), encoding, max_bytes)
            html = _decoded(body, told.charset_encoding or "utf-8")
            return Page(parts.geturl(), told.status_code, html, 0.0, truncated), None

    def _address(self, parts: SplitResult) -> Address:
        host = parts.hostname or ""
        try:
            found = self._resolve(host, parts.port or _PORTS[parts.scheme])
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{host} has no address") from error
        addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
        # One private address among public ones is what a trap looks like: none is used then.
        if not addresses or not all(self._may_reach(each) for each in addresses):
            raise Refused(f"{host} is no public address")
        return addresses[0]

    def _may_reach(self, address: Address) -> bool:
        mapped = getattr(address, "ipv4_mapped", None) or address
        if any(mapped in network for network in self._allow):
            return True
        return mapped.is_global and not mapped.is_multicast


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
        httpx.URL(url)  # Knows more of what an address cannot be.
    except (ValueError, httpx.InvalidURL) as error:
        raise Refused(f"{url!r} is no address of a website") from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or port == 0:
        raise Refused(f"{url!r} is no address of a website")
    return parts


def _led(parts: SplitResult, target: str) -> SplitResult:
    """Follow a redirect."""
    try:
        return _checked(urljoin(parts.geturl(), target))
    except ValueError as error:
        raise Refused(f"{parts.netloc} leads to no address of a website") from error


def _parse(robots: RobotFileParser, lines: Sequence[str]) -> None:
    try:
        robots.parse(lines)
    except ValueError as error:
        raise Refused("its robots.txt cannot be understood") from error


def _read(chunks: Iterable[bytes], encoding: str, most: int) -> tuple[bytes, bool]:
    """Read at most so much, also of what was packed: a bomb is not unpacked to its end."""
    body = bytearray()
    inflate = _inflater(encoding)
    for chunk in chunks:
        body += inflate(chunk, most - len(body) + 1)
        if len(body) > most:
            return bytes(body[:most]), True
    return bytes(body), False


def _inflater(encoding: str) -> Callable[[bytes, int], bytes]:
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        return lambda chunk, _: chunk
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress


def _decoded(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding, errors="replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", errors="replace")


@contextmanager
def _translated(parts: SplitResult) -> Generator[None]:
    try:
        yield
    except (*_FAULTS, zlib.error) as error:
        raise Unreachable(f"{parts.netloc} does not answer: {type(error).__name__}") from error
