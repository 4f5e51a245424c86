"""Documents of a report and a replay, also where people and agents wrote what they should not."""

import datetime as dt
import itertools
import re
from html.parser import HTMLParser

import pytest

from app.documents import replay as replay_documents
from app.documents import report as report_documents
from app.documents.wording import LONGEST, duration, link, marked, moment, number, value, who
from app.domain.events import FIRST_HASH, EventType, seal
from app.domain.execution import Execution
from app.domain.execution_report import ExecutionReport, tell
from app.services.replay import Replayed
from tests.executions import EXECUTION, WORKSPACE, Play, completion, make_graph, report, step

HOSTILE = "<script>alert('&')</script> | `x` \n## [a](javascript:alert(1)) \x1b[31m"


@pytest.fixture
def play() -> Play:
    """Hostile text wherever somebody else may write."""
    graph = make_graph({"t0": [step("s0"), step("s1", "s0"), step("s2", "s1")]})
    play = Play(graph)
    play.start()
    play.claim("s0")
    play.do(completion("s0", output_data={"said": HOSTILE}, message=HOSTILE))
    play.claim("s1")
    play.do(completion("s1", output_data="x" * (LONGEST + 1)))
    play.claim("s2")
    play.do(report(EventType.TASK_ERROR, "s2", error_type="permanent", error_message=HOSTILE))
    return play


def told(play: Play) -> ExecutionReport:
    unborn = Execution.unborn(play.state.graph, EXECUTION, WORKSPACE)
    found = tell(unborn, [(one.event, one.hash) for one in seal(play.events, FIRST_HASH)])
    found.tasks[0].subtasks[0].evidence = [
        {"name": HOSTILE, "url": "javascript:alert(1)"},
        {"name": "Photo", "url": "https://example.org/a?b=1&c=2"},
        {"file_id": "file_1"},
    ]
    return found


class Tags(HTMLParser):
    """Gathers tags and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [text for name, text in attrs if name in ("href", "src")]


def test_page_of_a_report_holds_no_script_and_needs_no_other_file(play: Play) -> None:
    page = Tags(report_documents.to_html(told(play)))

    assert page.tags.isdisjoint({"script", "img", "link", "iframe", "form"})
    assert page.addresses == ["https://example.org/a?b=1&c=2"]


def test_page_of_a_replay_holds_no_script_and_needs_no_other_file(play: Play) -> None:
    page = replay_documents.to_html(Replayed(play.state, play.events[-1], len(play.events)))

    assert Tags(page).tags.isdisjoint({"script", "img", "link", "iframe", "form", "a"})
    assert "&lt;script&gt;" in page


def test_no_text_breaks_a_table_of_the_markdown(play: Play) -> None:
    lines = report_documents.to_markdown(told(play)).splitlines()

    widths: list[int] = []
    for line in lines:
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
            assert line.endswith("|")
        else:
            widths.append(0)
    for before, after in itertools.pairwise(widths):
        assert before == after or 0 in (before, after)
    assert sum(line.startswith("# ") for line in lines) == 1
    assert not any(re.search(r"(?<!\\)\]\(", line) for line in lines)
    assert not any(re.search(r"(?<!\\)[<`]", line) for line in lines if line.startswith("| "))


def test_terminal_is_told_nothing_to_obey(play: Play) -> None:
    text = replay_documents.to_text(Replayed(play.state, play.events[-1], len(play.events)))

    assert "\x1b" not in text
    assert "  ! T0 [t0] BLOCKED" in text
    assert "    ✓ S0 [s0] COMPLETED — attempt 1, by agent_1" in text
    assert f"After event {len(play.events)} of {len(play.events)}" in text


def test_very_long_result_is_cut(play: Play) -> None:
    page = report_documents.to_html(told(play))

    assert "x" * LONGEST in page
    assert "x" * (LONGEST + 1) not in page


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.04, "0.0 s"),
        (1.25, "1.2 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (90_000, "1 d 1 h"),
        (86_400, "1 d"),
    ],
)
def test_durations_are_written_with_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_values_are_written_for_people() -> None:
    assert number(1234567) == "1\u202f234\u202f567"
    assert number(0.25) == "0.25"
    assert who("agent:larry") == "larry"
    assert who("user:1") == "user 1"
    assert who("system") == "system"
    assert who(None) == ""
    assert moment(dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)) == "2026-01-02 03:04:05"
    assert value({"a": 1}) == '{"a":1}'
    assert link("javascript:alert(1)") == ""
    assert marked("a|b\nc") == "a\\|b c"
