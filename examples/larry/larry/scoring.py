"""How good a website is, from 0 to 100, with reasons."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from larry.markup import tree_of
from larry.websites import Page

_BUILDERS: Final = {
    "Wix": ("wixstatic.com", "wix.com website builder"),
    "Squarespace": ("squarespace.com", "static1.squarespace"),
    "Weebly": ("weebly.com", "editmysite.com"),
    "GoDaddy": ("img1.wsimg.com", "godaddy website builder"),
    "Jimdo": ("jimdo.com", "jimstatic.com"),
    "Webflow": ("webflow.com", "data-wf-site"),
    "Shopify": ("cdn.shopify.com", "myshopify.com"),
    "Google Sites": ("sites.google.com",),
    "WordPress.com": ("wordpress.com", "wp.com/"),
    "Duda": ("multiscreensite.com", "dudaone"),
}
_SAAS: Final = {
    "HubSpot": ("js.hs-scripts.com", "hsforms.net"),
    "Mailchimp": ("list-manage.com", "chimpstatic.com"),
    "Calendly": ("calendly.com",),
    "Intercom": ("intercom.io", "intercomcdn"),
    "Zendesk": ("zdassets.com",),
    "Typeform": ("typeform.com",),
    "Jotform": ("jotform.com",),
    "Stripe": ("js.stripe.com",),
    "Square": ("squareup.com",),
}
_FAST_SECONDS: Final = 1.0
_SLOW_SECONDS: Final = 3.0
_TELLING: Final = 4
_MOST_LINES: Final = 5
_LONGEST_LINE: Final = 300


@dataclass(frozen=True)
class Check:
    """One thing looked at: its points of how many, and what was found."""

    name: str
    points: int
    most: int
    found: str


@dataclass(frozen=True)
class Score:
    """All checks of a page; ``points`` is 0 to 100."""

    points: int
    checks: Sequence[Check]

    @property
    def summary(self) -> str:
        """Say what was found, in one line."""
        return "; ".join(check.found for check in self.checks)


def score(page: Page) -> Score:
    """Score a page."""
    if page.status >= 400:  # noqa: PLR2004 - where errors begin in HTTP
        return Score(0, [Check("answer", 0, 100, f"The page answers {page.status}")])
    tree = tree_of(page.html)
    checks = [
        _encryption(page),
        _speed(page),
        _title(tree),
        _mobile(tree),
        _contact_form(tree),
        _own_site(page.html.lower()),
        _services(page.html.lower()),
    ]
    return Score(sum(check.points for check in checks), checks)


def mentions(page: Page, topic: str) -> list[str]:
    """Quote the first lines of a page that speak of a topic, at most five."""
    body = tree_of(page.html).body
    words = [word for word in re.findall(r"\w+", topic.lower()) if len(word) >= _TELLING]
    lines = body.text(separator="\n", strip=True).split("\n") if body else []
    found = [line.strip() for line in lines if any(word in line.lower() for word in words)]
    return [line[:_LONGEST_LINE] for line in found[:_MOST_LINES]]


def _encryption(page: Page) -> Check:
    secure = page.url.startswith("https://")
    return _check("https", secure, 20, "Encrypted", "Not encrypted")


def _speed(page: Page) -> Check:
    if page.seconds <= _FAST_SECONDS:
        return Check("speed", 15, 15, f"Fast: {page.seconds:.1f} s")
    if page.seconds <= _SLOW_SECONDS:
        return Check("speed", 8, 15, f"Not fast: {page.seconds:.1f} s")
    return Check("speed", 0, 15, f"Slow: {page.seconds:.1f} s")


def _title(tree: LexborHTMLParser) -> Check:
    node = tree.css_first("title")
    title = node.text(strip=True) if node else ""
    return _check("title", bool(title), 10, f"Title: {title[:80]}", "No title")


def _mobile(tree: LexborHTMLParser) -> Check:
    has = tree.css_first('meta[name="viewport" i]') is not None
    return _check("mobile", has, 20, "Made for telephones too", "Not made for telephones")


def _contact_form(tree: LexborHTMLParser) -> Check:
    has = any(
        form.css_first('textarea, input[type="email" i]') is not None for form in tree.css("form")
    )
    return _check("contact form", has, 15, "Has a contact form", "No contact form")


def _own_site(html: str) -> Check:
    traces = _traces(html, _BUILDERS)
    generator = re.search(r'name="generator"\s+content="([^"]{1,80})"', html)
    kit = ", ".join(traces) or (generator[1] if generator and "wix" in generator[1] else "")
    return _check("own site", not kit, 10, "No site builder seen", f"Made with {kit}")


def _services(html: str) -> Check:
    """Look for rented services: who pays for some already knows what they are worth."""
    traces = _traces(html, _SAAS)
    return _check(
        "services", bool(traces), 10, f"Uses {', '.join(traces)}", "Uses no service for business"
    )


def _traces(html: str, known: dict[str, tuple[str, ...]]) -> list[str]:
    return [name for name, marks in known.items() if any(mark in html for mark in marks)]


def _check(name: str, good: bool, most: int, yes: str, no: str) -> Check:
    return Check(name, most if good else 0, most, yes if good else no)
