"""Rule files of a user's: what they change, and how their faults are told."""

from pathlib import Path

import pytest

from app.domain.plan import Phase, Plan, Subtask, Task
from decomposer.errors import PhraseError, RulesError
from decomposer.rules import Rulebook, RuleStrategy, load_rulebook
from decomposer.rules.entities import entities_of
from decomposer.rules.patterns import Phrase
from decomposer.rules.templates import fill
from decomposer.strategy import Frame
from decomposer.words import words_of

KIND = """
description = "Boats"
words = ["boat", "keel"]
[[rule]]
name = "{name}"
phrases = ["{phrase}"]
steps = [{{ action = "{action}", title = "{title}" }}]
"""


def steps_of(book: Rulebook, text: str) -> list[Subtask]:
    task = Task("t", text)
    return (
        RuleStrategy(book).propose(task, Frame(Plan("p", "P", [Phase("a", "A", [task])]))).subtasks
    )


def kind(**changes: str) -> str:
    fields = {"name": "caulk", "phrase": "caulk <object>", "action": "physical_work", "title": ""}
    return KIND.format(**(fields | changes))


def test_a_users_kind_adds_rules(tmp_path: Path) -> None:
    (tmp_path / "boats.toml").write_text(kind(title="Caulk it: {object}"))
    (step,) = steps_of(load_rulebook(tmp_path), "Caulk the hull")
    assert (step.action, step.title) == ("physical_work", "Caulk it: the hull")
    assert steps_of(load_rulebook(), "Caulk the hull")[0].action == "perform_task"


def test_a_users_rule_replaces_one_of_the_same_name_and_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "generic.toml").write_text(
        kind(name="interview", phrase="interview <person>", action="make_phone_call")
    )
    book = load_rulebook(tmp_path)
    assert [s.action for s in steps_of(book, "Interview Carol")] == ["make_phone_call"]
    assert [s.action for s in steps_of(book, "Translate the leaflet")] == ["translate_text"]


def test_a_users_action_can_be_used_by_his_rules(tmp_path: Path) -> None:
    (tmp_path / "actions.toml").write_text('[row]\ndescription = "Row."\nwho = "human"\n')
    (tmp_path / "boats.toml").write_text(kind(phrase="row <object>", action="row"))
    (step,) = steps_of(load_rulebook(tmp_path), "Row the boat")
    assert (step.action, step.assignee) == ("row", "human")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("boats.toml", "x = [", ["boats.toml", "is no TOML"]),
        ("boats.toml", "words = []", ["boats.toml", "description"]),
        ("boats.toml", 'description = "x"\nwords = 3', ["boats.toml", ": words = 3", "array"]),
        ("boats.toml", kind(action="sail"), ["rule 'caulk'.steps[0].action = 'sail'", "no action"]),
        ("boats.toml", kind(phrase="<object>"), ["rule 'caulk'.phrases", "begin with a word"]),
        ("boats.toml", kind(phrase="a <b> <c>"), ["rule 'caulk'.phrases", "needs a word between"]),
        ("boats.toml", kind(title="{hull}"), ["rule 'caulk'.steps[0].title", "{hull} is none of"]),
        (
            "boats.toml",
            kind().replace("title =", "colour ="),
            ["boats.toml", ": rule[0].steps[0]", "colour"],
        ),
        ("actions.toml", '[row]\nwho = "dog"\ndescription = ""', ["row.who = 'dog'"]),
        (
            "actions.toml",
            '[row]\nwho = "agent"\ndescription = ""\nrequired = ["oar"]',
            ["row.required = 'oar'"],
        ),
        (
            "actions.toml",
            '[row]\nwho = "agent"\ndescription = ""\ntimeout_hours = -1',
            ["row.timeout_hours = -1"],
        ),
        ("people.toml", '[[person]]\naction = "row"', ["person.action = 'row'"]),
        ("people.toml", "preparing = 1", ["people.toml", ": preparing = 1"]),
    ],
)
def test_a_fault_is_told_with_its_file_key_and_value(
    tmp_path: Path, name: str, content: str, told: list[str]
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(RulesError) as caught:
        load_rulebook(tmp_path)
    for part in (str(tmp_path), *told):
        assert part in str(caught.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="does not exist"):
        load_rulebook(tmp_path / "none")


@pytest.mark.parametrize(
    ("phrase", "text", "captures"),
    [
        ("interview <person> about|on <topic>", "Interviewing Carol on clay", ["Carol", "clay"]),
        ("conduct .. survey", "Conduct a short online survey", []),
        ("conduct .. survey", "Conduct one two three four five six seven survey", None),
        ("interview <person> about <topic>", "Interview Carol", None),
        ("interview <person>", "Interview", None),
    ],
)
def test_a_phrase_finds_its_words_and_keeps_what_stands_between(
    phrase: str, text: str, captures: list[str] | None
) -> None:
    found = Phrase(phrase).match(text, words_of(text))
    assert (list(found.captures.values()) if found else None) == captures


@pytest.mark.parametrize("phrase", ["", "..", "a ..", "<x> a", "a <X>", "a ! c", "a|"])
def test_a_phrase_that_cannot_be_read_is_refused(phrase: str) -> None:
    with pytest.raises(PhraseError):
        Phrase(phrase)


def test_what_a_text_names_is_found_by_its_form() -> None:
    found = entities_of(
        "Email carol@example.com or call +45 12 34 56 78 by March 3, 2026 about 50+ breeders in "
        "Texas for $500 million, see leads.csv and https://x.org/a with Dr. Jane Smith"
    )
    assert dict(found) == {
        "email": "carol@example.com",
        "phone": "+45 12 34 56 78",
        "date": "March 3, 2026",
        "count": 50,
        "place": "Texas",
        "amount": "$500 million",
        "file": "leads.csv",
        "files": ["leads.csv"],
        "url": "https://x.org/a",
        "person": "Dr Jane Smith",
    }


@pytest.mark.parametrize(
    "text",
    ["Secure The Site In Good Time", "the City of Aarhus", "in 2026", "a.b", "@", "+ 1", "$"],
)
def test_what_is_not_clearly_named_is_left_out(text: str) -> None:
    assert dict(entities_of(text)) == {}


def test_a_gap_that_stays_open_is_none_and_one_with_a_way_out_is_not() -> None:
    assert fill("Ask {person}", {}) is None
    assert fill("Ask {person|them}{topic? about }", {}) == "Ask them"
    assert (
        fill("Ask {person|them}{topic? about }", {"person": "A", "topic": "b"}) == "Ask A about b"
    )
    assert fill("{topic|object}", {"object": "x"}) == "x"
