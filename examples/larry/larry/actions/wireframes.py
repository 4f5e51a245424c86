"""Wireframes as SVG."""

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from planexe_agent import Task

from larry.folder import slug
from larry.tools import Result, Tools, count_of

_WIDTH: Final = 800
_HEIGHT: Final = 600
_MOST: Final = 20
_USUAL: Final = ("Home", "List", "Details", "Contact")
_LINE: Final = {"fill": "none", "stroke": "#555", "stroke-width": "2"}
_TEXT: Final = {"font-family": "sans-serif", "fill": "#333"}


class Wireframes:
    """The action that draws screens."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def create_wireframes(
        self,
        task: Task,
        subject: str = "",
        screens: int | Sequence[str] | None = None,
        **person: object,
    ) -> Result:
        """Draw the screens of an application or a site as wireframes."""
        title = subject or task.title
        names = _names(screens)
        stem = f"wireframe-{slug(title, 'screens')}"
        links = [
            self._tools.write(
                task, f"{stem}-{number}-{slug(name, 'screen')}.svg", draw(title, name, names)
            )
            for number, name in enumerate(names, 1)
        ]
        meant = str(person.get("for") or "")
        result: Result = {"screens": names, "evidence": links}
        return {**result, "for": meant} if meant else result


def draw(title: str, screen: str, screens: Sequence[str]) -> bytes:
    """Draw one screen: a head with the ways to the others, and what such a screen holds."""
    svg = ET.Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}"},
    )
    ET.SubElement(svg, "title").text = _printable(f"{title}: {screen}")
    _box(svg, 10, 10, _WIDTH - 20, _HEIGHT - 20)
    _box(svg, 10, 10, _WIDTH - 20, 60)
    _label(svg, 30, 48, title[:40], 20)
    for place, name in enumerate(screens[:5]):
        _label(svg, 430 + 75 * place, 46, name[:10], 13, bold=name == screen)
    _label(svg, 30, 110, screen, 24)
    _BODIES.get(screen.lower(), _cards)(svg)
    return ET.tostring(svg, encoding="utf-8", xml_declaration=True)


def _cards(svg: ET.Element) -> None:
    _box(svg, 30, 130, _WIDTH - 60, 150)
    _label(svg, 340, 210, "Picture", 16)
    for column in range(3):
        _box(svg, 30 + 250 * column, 300, 230, 260)
        _box(svg, 50 + 250 * column, 320, 190, 120)
        _label(svg, 50 + 250 * column, 470, "Headline", 16)
        _label(svg, 50 + 250 * column, 500, "Two lines of text", 12)


def _rows(svg: ET.Element) -> None:
    for row in range(5):
        _box(svg, 30, 130 + 88 * row, _WIDTH - 60, 76)
        _box(svg, 42, 142 + 88 * row, 52, 52)
        _label(svg, 110, 174 + 88 * row, "Name, and what matters of it", 14)


def _details(svg: ET.Element) -> None:
    _box(svg, 30, 130, 340, 300)
    _label(svg, 165, 285, "Picture", 16)
    for row in range(6):
        _label(svg, 400, 160 + 44 * row, "Property: value", 14)
    _button(svg, 400, 450, "Ask about it")


def _form(svg: ET.Element) -> None:
    for row, name in enumerate(("Name", "Email", "Message")):
        _label(svg, 30, 150 + 90 * row, name, 14)
        _box(svg, 30, 160 + 90 * row, 440, 120 if name == "Message" else 40)
    _button(svg, 30, 490, "Send")


_BODIES: Final = {"list": _rows, "details": _details, "contact": _form}


def _names(screens: int | Sequence[str] | None) -> list[str]:
    if isinstance(screens, list | tuple):
        return [str(name)[:40] for name in screens][:_MOST] or list(_USUAL[:3])
    count = min(max(count_of(screens, 3), 1), _MOST)
    more = [f"Screen {number}" for number in range(len(_USUAL) + 1, count + 1)]
    return [*_USUAL, *more][:count]


def _box(svg: ET.Element, x: int, y: int, width: int, height: int) -> None:
    place = {"x": str(x), "y": str(y), "width": str(width), "height": str(height), "rx": "4"}
    ET.SubElement(svg, "rect", place | _LINE)


def _label(svg: ET.Element, x: int, y: int, text: str, size: int, *, bold: bool = False) -> None:
    weight = "bold" if bold else "normal"
    style = {"x": str(x), "y": str(y), "font-size": str(size), "font-weight": weight}
    ET.SubElement(svg, "text", style | _TEXT).text = _printable(text)


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def _button(svg: ET.Element, x: int, y: int, text: str) -> None:
    _box(svg, x, y, 160, 44)
    _label(svg, x + 30, y + 28, text, 16, bold=True)
