"""The answers a person may give to what waits: which are offered, and what a form said."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from app.dashboard.ports import Wire
from app.domain.blockers import BlockerKind, Resolution
from app.domain.errors import Invalid

COMPLETE: Final = "complete"
MOST_CHARACTERS: Final = 20_000


class Choice(msgspec.Struct, frozen=True):
    """One answer: its button, what its form asks for, and what is told when it was given.

    ``field`` is where the text of the form goes; without one it is a button alone.
    """

    name: str
    label: str
    told: str
    field: str = ""
    ask: str = ""
    hint: str = ""
    required: bool = False
    danger: bool = False


_MINUTES_DIGITS: Final = 5

_ALL: Final = [
    Choice(Resolution.APPROVE, "Approve", "Approved."),
    Choice(COMPLETE, "Done", "Noted as done.", "notes", "Notes"),
    Choice(Resolution.RETRY, "Try again", "It is tried again."),
    Choice(
        Resolution.PROVIDE_INPUT,
        "Answer",
        "Answered. The agent is told.",
        "message",
        "What the agent should know",
        required=True,
    ),
    Choice(
        Resolution.REASSIGN,
        "Reassign",
        "Reassigned.",
        "agent_id",
        "Agent that does it",
        required=True,
    ),
    Choice(
        Resolution.ALTERNATIVE,
        "Do something else",
        "The agent is told what to do instead.",
        "option",
        "What to do instead",
        required=True,
    ),
    Choice(Resolution.REJECT, "Reject", "Rejected.", "message", "Why?", "Nothing of it is done."),
    Choice(
        Resolution.SKIP,
        "Skip",
        "Skipped.",
        "message",
        "Why?",
        "It counts as done. What waits for it goes on without its result.",
        required=True,
    ),
    Choice(
        Resolution.FAIL,
        "Give up",
        "Given up. The execution has failed.",
        "message",
        "Why?",
        "The whole execution fails: agents stop, and nothing more is handed out.",
        danger=True,
    ),
]
_BY_NAME: Final = {str(choice.name): choice for choice in _ALL}
_BY_HAND: Final = frozenset(
    {
        BlockerKind.NO_CAPABLE_AGENT,
        BlockerKind.AGENT_OFFLINE,
        BlockerKind.ATTEMPTS_EXHAUSTED,
        BlockerKind.HUMAN_INPUT,
    }
)


def offered(blocker: Wire, agents: int) -> list[Choice]:
    """List the answers that make sense, the one most likely meant first."""
    names: list[str] = list(blocker["next_step_options"])
    if blocker["kind"] == BlockerKind.HUMAN_TASK:
        names = [COMPLETE, *(name for name in names if name != Resolution.PROVIDE_INPUT)]
    elif blocker["kind"] in _BY_HAND and blocker["task_id"]:
        names.insert(-1, COMPLETE)
    # A whole execution is somebody's already; there has to be another one to take it.
    if agents <= (0 if blocker["task_id"] else 1):
        names = [name for name in names if name != Resolution.REASSIGN]
    return [_BY_NAME[name] for name in names]


def hinted(blocker: Wire) -> str:
    """Name the answer that takes a suggestion over with one click; empty where none does.

    What an approval or a task for a person suggests is what it is done by, not a way out.
    """
    if blocker["kind"] in (BlockerKind.APPROVAL, BlockerKind.HUMAN_TASK):
        return ""
    options = blocker["next_step_options"]
    takers = (Resolution.ALTERNATIVE, Resolution.PROVIDE_INPUT)
    return next((str(one) for one in takers if one in options), "")


def field_of(answer: str) -> str:
    """Name the field that an answer's text goes into."""
    return _BY_NAME[answer].field


def told_after(answer: str) -> str:
    """Say what is told once an answer was given."""
    return _BY_NAME[answer].told


def chosen(form: Mapping[str, str]) -> Choice:
    """Find the answer that a form stands for.

    Raises:
        Invalid: It names none, or lacks what the answer needs.
    """
    choice = _BY_NAME.get(form.get("answer", ""))
    if choice is None:
        raise Invalid("Choose one of the answers.")
    text = form.get(choice.field, "").strip()
    if choice.required and not text:
        raise Invalid(f"{choice.label}: fill in “{choice.ask}”.")
    if len(text) > MOST_CHARACTERS:
        raise Invalid(f"{choice.label}: write at most {MOST_CHARACTERS} characters.")
    return choice


def resolution(choice: Choice, form: Mapping[str, str]) -> Wire:
    """Read a form into the body of ``POST …/blockers/{id}/resolve``."""
    text = form.get(choice.field, "").strip()
    return {"resolution": str(choice.name), **({choice.field: text} if text else {})}


def completion(form: Mapping[str, str]) -> Wire:
    """Read a form into the body of ``POST …/tasks/{id}/complete``.

    Raises:
        Invalid: The link is no address of the web, or the minutes are no number of them.
    """
    link, minutes = form.get("link", "").strip(), form.get("minutes", "").strip()
    body: Wire = {
        "notes": form.get("notes", "").strip(),
        "evidence": [{"name": _host(link), "url": link}] if link else [],
    }
    return body | ({"minutes": _minutes(minutes)} if minutes else {})


def _minutes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MINUTES_DIGITS):
        raise Invalid("Minutes spent: write a whole number, such as 45.")
    return int(text)


def _host(link: str) -> str:
    try:
        parts = urlsplit(link)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts.hostname
    except ValueError:
        pass
    raise Invalid("A link starts with http:// or https:// and names a host.")
