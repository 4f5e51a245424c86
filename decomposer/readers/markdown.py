"""Markdown and plain text with lists: headings, list items and table rows as entries."""

import re
from collections.abc import Iterator, Sequence

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.domain.errors import Fault, InvalidPlan
from decomposer.readers.source import ReadLimits

_MOST_NESTING = 64
_MOST_BYTES = 8 * 1024 * 1024
_LONGEST_INLINE = 5_000
_ITEM = re.compile(r"^[ \t>]*+(?:[-*+]|\d{1,9}[.)])(?=[ \t])", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n[^\n]*:[^\n]*\n(?:[^\n]*\n)*?---[ \t]*\n")
_MARKUP = re.compile(r"[*_`\[\]<&\\~]")
_CHECKBOX = re.compile(r"\[([ xX])\][ \t]+")
_NAMED = re.compile(
    r"(?P<mark>\*\*|__)(?P<name>(?:(?!(?P=mark)).){1,300})(?P=mark)[ \t]*(?P<rest>.*)", re.DOTALL
)
_COLON = ":\u2013\u2014-"


class Block(msgspec.Struct):
    """A heading, a list item or the document itself, with what stands below it.

    ``level`` is that of a heading, 0 for the document, None for an item; ``place`` is the number
    of an item in its list; ``done`` is None where there is no checkbox.
    """

    line: int
    title: str = ""
    level: int | None = None
    place: int = 0
    done: bool | None = None
    texts: list[str] = []
    tables: list["Table"] = []
    children: list["Block"] = []


class Table(msgspec.Struct):
    """A table: its headings, and each row with its line."""

    line: int
    headings: list[str] = []
    rows: list[tuple[int, list[str]]] = []


def read_blocks(text: str, name: str, limits: ReadLimits) -> Block:
    """Parse a text into a tree of headings and list items.

    Raises:
        InvalidPlan: Too large, more list items than a plan may hold, or nested too deep.
    """
    if len(text) > _MOST_BYTES:
        _refuse(name, f"larger than {_MOST_BYTES:,} characters")
    most = limits.max_tasks + limits.max_subtasks
    if sum(1 for _ in _ITEM.finditer(text)) > most:
        _refuse(name, f"more than {most:,} list items, as many as a plan may have")
    found = _FRONT_MATTER.match(text)
    if found:
        # Its lines stay, empty, so that the others keep their numbers.
        text = "\n" * found[0].count("\n") + text[found.end() :]
    tokens = _PARSER.parse(text)
    deep = next((token for token in tokens if token.level >= _MOST_NESTING - 2), None)
    if deep is not None:
        line = (deep.map or [0])[0] + 1
        _refuse(f"{name}, line {line}", f"nested deeper than {_MOST_NESTING // 2 - 1} levels")
    return _Builder().build(tokens)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": _MOST_NESTING}).enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


_PARSER = _parser()
_INLINE = MarkdownIt("commonmark", {"maxNesting": 20})


def _refuse(where: str, message: str) -> None:
    raise InvalidPlan(f"{where}: {message}.", [Fault(where, message)])


class _Builder:
    """Follows the tokens, and keeps the headings and items that are open."""

    def __init__(self) -> None:
        self._root = Block(0, level=0)
        self._headings = [self._root]
        self._items: list[Block] = []
        self._places: list[int] = []
        self._table: Table | None = None
        self._row: list[str] = []
        self._heading: int | None = None
        self._line = 0

    def build(self, tokens: Sequence[Token]) -> Block:
        for token in tokens:
            self._line = token.map[0] + 1 if token.map else self._line
            step = getattr(self, f"_{token.type}", None)
            if step is not None:
                step(token)
        return self._root

    @property
    def _current(self) -> Block:
        return self._items[-1] if self._items else self._headings[-1]

    def _heading_open(self, token: Token) -> None:
        self._heading = int(token.tag[1:])

    def _heading_close(self, _token: Token) -> None:
        self._heading = None

    def _bullet_list_open(self, _token: Token) -> None:
        self._places.append(0)

    def _bullet_list_close(self, _token: Token) -> None:
        self._places.pop()

    _ordered_list_open = _bullet_list_open
    _ordered_list_close = _bullet_list_close

    def _list_item_open(self, token: Token) -> None:
        self._places[-1] += 1
        place = int(token.info) if token.info.isdigit() else self._places[-1]
        item = Block(self._line, place=place)
        self._current.children.append(item)
        self._items.append(item)

    def _list_item_close(self, _token: Token) -> None:
        self._items.pop()

    def _table_open(self, _token: Token) -> None:
        self._table = Table(self._line)
        self._current.tables.append(self._table)

    def _table_close(self, _token: Token) -> None:
        self._table = None

    def _tr_open(self, _token: Token) -> None:
        self._row = []

    def _tr_close(self, _token: Token) -> None:
        if self._table is None:
            return
        if self._table.headings:
            self._table.rows.append((self._line, self._row))
        else:
            self._table.headings = self._row

    def _inline(self, token: Token) -> None:
        if self._table is not None:
            self._row.append(plain(token.content))
        elif self._heading is not None:
            self._open_heading(self._heading, token.content)
        elif self._items and not self._current.title and not self._current.children:
            _entitle(self._current, token.content)
        else:
            self._current.texts.append(plain(token.content))

    def _fence(self, token: Token) -> None:
        self._current.texts.append(token.content.rstrip("\n"))

    _code_block = _fence
    _html_block = _fence

    def _open_heading(self, level: int, content: str) -> None:
        block = Block(self._line, level=level)
        _entitle(block, content)
        if self._items:  # a heading within a list item structures nothing
            self._current.children.append(block)
            return
        while (self._headings[-1].level or 0) >= level:
            self._headings.pop()
        self._headings[-1].children.append(block)
        self._headings.append(block)


def _entitle(block: Block, content: str) -> None:
    """Set title, checkbox and, after a title in bold, the description that follows it."""
    if checkbox := _CHECKBOX.match(content):
        block.done = checkbox[1] != " "
        content = content[checkbox.end() :]
    named = _NAMED.fullmatch(content) if block.level is None else None
    if named and (named["rest"][:1] in _COLON or named["name"].rstrip()[-1:] == ":"):
        name, rest = plain(named["name"]).rstrip(" :"), plain(named["rest"].lstrip(_COLON + " "))
        if rest:
            # "**Owner**: Jo" is a field, "**Find a place**: Look around" a title: told later.
            block.title, block.texts = name, [rest]
            return
    block.title = " ".join(plain(content).split())


def plain(content: str) -> str:
    """Take the markup off a line of text; HTML in it is text and stays."""
    if len(content) > _LONGEST_INLINE or not _MARKUP.search(content):
        return content
    return "".join(_texts(_INLINE.parseInline(content)[0].children or []))


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type in {"softbreak", "hardbreak"}:
            yield "\n"
        elif token.type == "image":
            yield from _texts(token.children or [])
        else:
            yield token.content
