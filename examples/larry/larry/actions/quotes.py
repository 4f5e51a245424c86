"""Quotes."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from planexe_agent import NeedsHuman, Task

from larry.evidence import Link
from larry.folder import slug
from larry.paper import to_pdf
from larry.tools import Result, Tools, answer_of_person, count_of, identity, several

_AMOUNT: Final = re.compile(r"\d[\d,. ]*")
_CENT: Final = Decimal("0.01")
_MOST: Final = Decimal(10) ** 12
_VALID_DAYS: Final = 30
_TERMS: Final = ("Payable within 14 days of the invoice.", "Prices without tax.")


@dataclass(frozen=True)
class Item:
    """One line of a quote."""

    name: str
    quantity: Decimal
    unit_price: Decimal

    @property
    def total(self) -> Decimal:
        """Price of the line."""
        return (self.quantity * self.unit_price).quantize(_CENT)


class Quotes:
    """The action that makes offers."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def build_quote(
        self,
        task: Task,
        recipient: str = "",
        items: str | Sequence[Mapping[str, Any]] = "",
        amount: str | float | None = None,
        currency: str = "",
        valid_days: int | str = _VALID_DAYS,
        terms: str | Sequence[str] = _TERMS,
    ) -> Result:
        """Work out a quote: items, prices, terms; one for each, where several are meant."""
        lines = _lines(items or task.title, _money(amount) or _money(answer_of_person(task)))
        total = sum((line.total for line in lines), Decimal(0))
        unit = currency or self._tools.settings.currency
        valid_until = (
            self._tools.now() + dt.timedelta(days=count_of(valid_days, _VALID_DAYS))
        ).date()
        known: Result = {
            "total": float(total),
            "currency": unit,
            "valid_until": valid_until.isoformat(),
        }
        meant = [one.name for one in self._tools.people(task).find(recipient, "email")]
        quotes: list[Result] = []
        for name in meant or [recipient]:
            number = f"Q-{identity(task, 'quote', *([name] if meant else []))[:8].upper()}"
            text = _text(number, name, lines, total, unit, valid_until, several(terms))
            links = self._written(task, f"quote-{slug(name, 'offer')}-{number[2:].lower()}", text)
            quotes.append({"for": name, "quote": number, **known, "evidence": links})
        every = [link for one in quotes for link in one["evidence"]]
        return quotes[0] if len(quotes) == 1 else {"quotes": quotes, **known, "evidence": every}

    def _written(self, task: Task, stem: str, text: str) -> list[Link]:
        return [
            self._tools.write(task, f"{stem}.md", text.encode()),
            self._tools.write(task, f"{stem}.pdf", to_pdf(text)),
        ]


def _lines(items: str | Sequence[Mapping[str, Any]], amount: Decimal | None) -> Sequence[Item]:
    if not isinstance(items, str):
        return [_line(item) for item in items]
    if amount is None:
        raise NeedsHuman(f"What is the price of {items}?")
    return [Item(items, Decimal(1), amount)]


def _line(item: Mapping[str, Any]) -> Item:
    name = str(item.get("name") or "Item")
    price = _money(item.get("unit_price", item.get("price")))
    if price is None:
        raise NeedsHuman(f"What is the price of {name}?")
    return Item(name, _money(item.get("quantity", 1)) or Decimal(1), price)


def _money(value: object) -> Decimal | None:
    """Read an amount: ``8000``, ``$8,000.50``, ``8 000 dollars``; None where there is none."""
    if value is None or isinstance(value, bool):
        return None
    found = _AMOUNT.search(str(value))
    if not found:
        return None
    text = found[0].strip().rstrip(".,").replace(" ", "")
    if re.fullmatch(r"\d+,\d{1,2}", text):
        text = text.replace(",", ".")
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return number if number < _MOST else None


def _text(
    number: str,
    recipient: str,
    lines: Sequence[Item],
    total: Decimal,
    currency: str,
    valid_until: dt.date,
    terms: Sequence[str],
) -> str:
    table = [
        f"| {line.name.replace('|', '/')} | {line.quantity.normalize():f} | {line.unit_price:,.2f} "
        f"| {line.total:,.2f} |"
        for line in lines
    ]
    rows = "\n".join(["| item | quantity | price | total |", "|---|---|---|---|", *table])
    agreed = "\n".join(f"- {term}" for term in terms)
    return (
        f"# Quote {number}\n\nFor {recipient or 'you'}.\n\n{rows}\n\n"
        f"**Total: {total:,.2f} {currency}**\n\nValid until {valid_until.isoformat()}.\n\n"
        f"## Terms\n\n{agreed}\n"
    )
