"""Websites on loopback, friendly and hostile."""

import gzip
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from larry.ports import Refused, Unreachable
from larry.scoring import mentions, score
from larry.websites import Limits, Page, Websites

from .provider import Asked, Provider, Said

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
HTML = {"Content-Type": "text/html; charset=utf-8"}
GOOD = b"""<html><head><title>Happy alpacas</title>
<meta name="viewport" content="width=device-width"></head>
<body><form><textarea></textarea></form></body></html>"""


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def sites(pauses: list[float]) -> Websites:
    limits = Limits(delay_seconds=2, timeout_seconds=5, max_bytes=4096)
    return Websites(limits, LOOPBACK, pause=pauses.append)


@pytest.fixture
def site(provider: Provider) -> Provider:
    """A website without robots.txt, with one page."""
    serve(provider, {"/": Said(200, GOOD, HTML)})
    return provider


def serve(provider: Provider, pages: dict[str, Said]) -> None:
    def answer(asked: Asked) -> Said:
        return pages.get(asked.path, Said(404, b"", HTML))

    provider.answer = answer


def test_page_is_fetched_once_robots_were_asked(sites: Websites, site: Provider) -> None:
    page = sites.fetch(f"{site.url}/")
    assert (page.status, page.html.encode()) == (200, GOOD)
    assert [one.path for one in site.asked] == ["/robots.txt", "/"]
    assert site.asked[1].headers["host"] == site.url.removeprefix("http://")
    sites.fetch(f"{site.url}/")
    assert [one.path for one in site.asked][2:] == ["/"]


def test_robots_are_heeded(sites: Websites, provider: Provider) -> None:
    robots = b"User-agent: *\nDisallow: /private\nCrawl-delay: 7\n"
    serve(provider, {"/robots.txt": Said(200, robots), "/": Said(200, GOOD, HTML)})
    with pytest.raises(Refused, match="wants no robots"):
        sites.fetch(f"{provider.url}/private/page")
    assert [one.path for one in provider.asked] == ["/robots.txt"]
    assert sites.fetch(f"{provider.url}/").status == 200


def test_site_whose_robots_are_in_trouble_is_left_alone(
    sites: Websites, provider: Provider
) -> None:
    serve(provider, {"/robots.txt": Said(503, b""), "/": Said(200, GOOD, HTML)})
    with pytest.raises(Unreachable):
        sites.fetch(f"{provider.url}/")
    assert [one.path for one in provider.asked] == ["/robots.txt"]


def test_host_is_left_alone_between_two_pages(
    sites: Websites, site: Provider, pauses: list[float]
) -> None:
    sites.fetch(f"{site.url}/")
    assert pauses == []
    sites.fetch(f"{site.url}/")
    [pause] = pauses
    assert 0 < pause <= 2


def test_wish_for_more_delay_is_granted(
    sites: Websites, provider: Provider, pauses: list[float]
) -> None:
    robots = Said(200, b"User-agent: *\nCrawl-delay: 900\n")
    serve(provider, {"/robots.txt": robots, "/": Said(200, GOOD, HTML)})
    sites.fetch(f"{provider.url}/")
    sites.fetch(f"{provider.url}/")
    [pause] = pauses
    assert 20 < pause <= 30


def test_redirects_are_followed_and_counted(sites: Websites, provider: Provider) -> None:
    serve(
        provider,
        {
            "/old": Said(301, b"", {"Location": "/new"}),
            "/new": Said(200, GOOD, HTML),
            "/round": Said(302, b"", {"Location": "/round"}),
        },
    )
    assert sites.fetch(f"{provider.url}/old").url == f"{provider.url}/new"
    with pytest.raises(Refused, match="on and on"):
        sites.fetch(f"{provider.url}/round")


def test_redirect_cannot_lead_inside(provider: Provider) -> None:
    addresses = {"farm.example": "127.0.0.1", "inside.example": "10.0.0.7"}
    sites = Websites(Limits(0), LOOPBACK, resolver=lambda host, _: [addresses.get(host, host)])
    port = provider.url.rpartition(":")[2]
    for target in ("http://inside.example/", "http://169.254.169.254/latest", "file:///etc/passwd"):
        serve(provider, {"/": Said(302, b"", {"Location": target})})
        with pytest.raises(Refused):
            sites.fetch(f"http://farm.example:{port}/")
    assert {one.headers["host"] for one in provider.asked} == {f"farm.example:{port}"}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://10.1.2.3/",
        "http://192.168.0.1/",
        "http://169.254.169.254/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
    ],
)
def test_private_address_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="no public address"):
        Websites(Limits()).fetch(url)


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "http://", "http://u:p@a.example", "http://a:99999/", "http://[/"]
)
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Refused, match="no address"):
        Websites(Limits()).fetch(url)


def test_name_is_looked_up_once_for_each_request(site: Provider) -> None:
    """A name that points to a public address when checked and inside when used leads nowhere."""
    asked: list[str] = []

    def resolver(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    port = site.url.rpartition(":")[2]
    page = Websites(Limits(), LOOPBACK, resolver).fetch(f"http://no-such-name.invalid:{port}/")
    assert page.status == 200
    assert asked == ["no-such-name.invalid"] * 2


def test_one_private_address_among_others_is_a_trap() -> None:
    sites = Websites(Limits(), resolver=lambda *_: ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(Refused, match="no public address"):
        sites.fetch("http://farm.example/")


@pytest.mark.parametrize("packed", [False, True])
def test_large_page_is_cut(sites: Websites, provider: Provider, packed: bool) -> None:
    large = b"a" * 50_000_000 if packed else b"a" * 10_000
    headers = {**HTML, "Content-Encoding": "gzip"} if packed else HTML
    body = gzip.compress(large, 1) if packed else large
    serve(provider, {"/": Said(200, body, headers)})
    page = sites.fetch(f"{provider.url}/")
    assert (len(page.html), page.truncated) == (4096, True)


@contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """Send a head, then a byte now and then, without end."""
    ended = threading.Event()

    def serve_slowly(listening: socket.socket) -> None:
        while not ended.is_set():
            try:
                line, _ = listening.accept()
            except OSError:
                return
            with line:
                drip(line)

    def drip(line: socket.socket) -> None:
        try:
            line.sendall(head)
            while not ended.wait(0.02):
                line.sendall(b"a")
        except OSError:
            return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve_slowly, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            ended.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"]
)
def test_drip_comes_to_an_end(head: bytes) -> None:
    sites = Websites(Limits(0, timeout_seconds=0.2), LOOPBACK)
    with dripping(head) as url, pytest.raises(Unreachable):
        sites.fetch(url)


def test_nobody_there_is_worth_another_attempt(sites: Websites, unused_port: int) -> None:
    with pytest.raises(Unreachable):
        sites.fetch(f"http://127.0.0.1:{unused_port}/")


@pytest.mark.parametrize("charset", ["latin-1", "no-such", "idna"])
def test_any_charset_can_be_read(sites: Websites, provider: Provider, charset: str) -> None:
    kind = {"Content-Type": f"text/html; charset={charset}"}
    serve(provider, {"/": Said(200, "Löwe".encode("latin-1"), kind)})
    assert "we" in sites.fetch(f"{provider.url}/").html


def points(html: bytes, url: str = "https://farm.example/", seconds: float = 0.2) -> dict[str, int]:
    found = score(Page(url, 200, html.decode(), seconds))
    assert found.points == sum(check.points for check in found.checks)
    return {check.name: check.points for check in found.checks}


def test_good_page_has_a_reason_for_each_point() -> None:
    assert points(GOOD) == {
        "https": 20,
        "speed": 15,
        "title": 10,
        "mobile": 20,
        "contact form": 15,
        "own site": 10,
        "services": 0,
    }
    full = score(Page("https://farm.example/", 200, GOOD.decode() + "calendly.com", 0.2))
    assert full.points == 100


def test_poor_page_loses_them() -> None:
    poor = b'<script src="https://static.wixstatic.com/x.js"></script><form><input></form>'
    assert points(poor, "http://farm.example/", seconds=9) == dict.fromkeys(
        ["https", "speed", "title", "mobile", "contact form", "own site", "services"], 0
    )


@pytest.mark.parametrize("html", ["", "<", "\0" * 100, "<title>" * 5000, "<!--" * 100, "é" * 9])
def test_any_text_can_be_scored(html: str) -> None:
    assert 0 <= score(Page("http://a.example/", 200, html, 0)).points <= 100


def test_page_that_is_not_there_has_no_points() -> None:
    assert score(Page("https://a.example/", 404, GOOD.decode(), 0)).points == 0


def test_lines_about_a_topic_are_quoted() -> None:
    html = "<p>We sell wool.</p><p>Our prices: 8 dollars</p><script>prices</script>"
    page = Page("https://a.example/", 200, html, 0)
    assert mentions(page, "What are the prices?")[0] == "Our prices: 8 dollars"
    assert mentions(page, "a to z") == []


@pytest.mark.parametrize("target", ["http://[", "/a\x7f", "http://x:99999/", "//", "x" * 70_000])
def test_redirect_to_no_address_is_refused(
    sites: Websites, provider: Provider, target: str
) -> None:
    serve(provider, {"/": Said(302, b"", {"Location": target})})
    with pytest.raises((Refused, Unreachable)):
        sites.fetch(f"{provider.url}/")


@pytest.mark.parametrize(
    "line", ["Crawl-delay: \u00b2", "Crawl-delay: " + "9" * 5000, "Disallow: //["]
)
def test_robots_that_nobody_understands_keep_out(
    sites: Websites, provider: Provider, line: str
) -> None:
    robots = f"User-agent: *\n{line}\n".encode()
    serve(provider, {"/robots.txt": Said(200, robots), "/": Said(200, GOOD, HTML)})
    with pytest.raises(Refused, match=r"robots\.txt"):
        sites.fetch(f"{provider.url}/")


def test_endless_delay_is_bounded(sites: Websites, provider: Provider, pauses: list[float]) -> None:
    robots = b"User-agent: *\nCrawl-delay: " + b"9" * 1000 + b"\n"
    serve(provider, {"/robots.txt": Said(200, robots), "/": Said(200, GOOD, HTML)})
    sites.fetch(f"{provider.url}/")
    sites.fetch(f"{provider.url}/")
    assert max(pauses) <= 30


def test_name_of_another_alphabet_is_asked_for_as_the_network_spells_it(site: Provider) -> None:
    port = site.url.rpartition(":")[2]
    sites = Websites(Limits(0, 5), LOOPBACK, lambda *_: ["127.0.0.1"], pause=[].append)
    assert sites.fetch(f"http://m\u00fcller.example:{port}/").status == 200
    assert site.asked[0].headers["host"] == f"xn--mller-kva.example:{port}"


def test_page_that_nests_without_end_is_read_to_a_depth() -> None:
    page = Page("https://a.example", 200, f"<title>Deep</title>{'<div>' * 300_000}fees", 0.5)
    assert score(page).points > 0
    assert mentions(page, "fees") == []
    shallow = Page("https://a.example", 200, f"{'<div></div><p><br>' * 3000}fees", 0.5)
    assert mentions(shallow, "fees") == ["fees"]
