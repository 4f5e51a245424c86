"""What the pages name exists, and what exists is on the pages."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

from app import api, cli
from app.api.event_schema import EventIn
from app.api.limits import Limits
from app.api.problems import PROBLEMS
from app.domain.events import EventType
from app.domain.states import ExecutionStatus, SubtaskStatus
from app.live import keys
from app.services import Services
from config.settings import PROJECT

DOCS = PROJECT / "docs"
PAGES = [*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), PROJECT / "sdk" / "README.md"]
DECISIONS = sorted((DOCS / "adr").glob("*.md"))
PLACES = r"app|config|decomposer|workers|sdk|scripts|tests|docs|examples|requirements|\.ci"
EXTRA_ROUTES = {"GET /healthz", "GET /readyz"}
WRITTEN_LATER = "## Not there yet"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


@each_page
def test_every_named_file_exists(page: Path) -> None:
    for path in re.findall(rf"`((?:{PLACES})/[\w./*-]*)`", page.read_text()):
        assert list(PROJECT.glob(path)), f"{page.name} names {path}"


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)", page.read_text()):
        found = page.parent / target if target else page
        assert found.exists(), f"{page.name} links {target}"
        assert not anchor or anchor in anchors(found), f"{page.name} links {target}#{anchor}"


@each_page
def test_every_named_module_and_member_exists(page: Path) -> None:
    roots = "app|config|decomposer|workers|planexe_agent"
    for name in re.findall(rf"`((?:{roots})(?:\.\w+)+)`", page.read_text()):
        assert is_defined(name), f"{page.name} names {name}"


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.stem)
def test_decision_record_has_its_parts_and_is_listed(decision: Path) -> None:
    text = decision.read_text()

    assert text.startswith(f"# {decision.name[:3]} ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert f"adr/{decision.name}" in (DOCS / "architecture.md").read_text()


def test_decision_records_are_numbered_without_gap() -> None:
    assert [int(one.name[:3]) for one in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_redis_key_is_documented() -> None:
    page = (DOCS / "redis-keys.md").read_text()
    fields = {"log", "timers", "wake"}
    spelled = {name for name in vars(keys.Keys) if not name.startswith("_")} - {"workspace_id"}

    for name in spelled | fields:
        assert f"`Keys.{name}`" in page
    for name in ("WORKSPACES", "WAKE_PATTERN", *functions_of(keys)):
        assert f"`{name}`" in page


def test_every_script_is_documented() -> None:
    page = (DOCS / "redis-keys.md").read_text()

    for script in (PROJECT / "app" / "live" / "scripts").glob("*.lua"):
        assert f"`{script.relative_to(PROJECT)}`" in page


@pytest.mark.parametrize(
    "word",
    [*EventType, *ExecutionStatus, *SubtaskStatus, *EventIn().fields],
)
def test_every_word_of_the_contract_is_documented(word: str) -> None:
    assert re.search(rf"\b{word}\b", contract())


@pytest.mark.parametrize("slug", sorted({slug for _, slug, _ in PROBLEMS.values()}))
def test_every_problem_is_documented(slug: str) -> None:
    assert f"`{slug}`" in contract()


def test_routes_and_their_documentation_are_the_same() -> None:
    calls = r"`(GET|POST|PUT|PATCH|DELETE|WS) (/[^`?]*)(?:\?[^`]*)?`"
    documented = {f"{method} {path}" for method, path in re.findall(calls, contract())}

    assert documented == set(routes())


def test_warnings_of_an_import_and_their_documentation_are_the_same() -> None:
    sources = [path.read_text() for path in (PROJECT / "decomposer" / "readers").glob("*.py")]
    calls = r'(?:warn\(\s*|_summarise\(\w+, |demote\([\w.]+, |return )"([a-z]+(?:-[a-z]+)*)"[,)]'
    told = {code for source in sources for code in re.findall(calls, source)}
    table = (DOCS / "plans.md").read_text().partition("## Warnings")[2].partition("## ")[0]

    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == told


def test_every_option_of_run_is_in_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["up", "--help"])

    readme = (PROJECT / "README.md").read_text()
    for option in set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}:
        assert f"| `{option}" in readme


def contract() -> str:
    """Read the part of the contract that is there today."""
    return (DOCS / "api.md").read_text().partition(WRITTEN_LATER)[0]


def routes() -> Iterator[str]:
    """List the calls of the JSON API and its sockets, in the spelling of the page."""
    flask = Flask("documented")
    services = Services(*[None] * len(Services.__struct_fields__))
    api.register(flask, services, Limits(1, 1, 1, 1, 1))
    for rule in flask.url_map.iter_rules():
        path = rule.rule.replace("<", "{").replace(">", "}")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            call = f"{'WS' if rule.websocket or path.endswith('/stream') else method} {path}"
            about_itself = path.startswith(("/api/docs", "/api/openapi", "/static"))
            if not about_itself and (path.startswith("/api/") or call in EXTRA_ROUTES):
                yield call


def anchors(page: Path) -> set[str]:
    """Make the anchors of a page's headings, as code hosts do."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_defined(name: str) -> bool:
    """Tell whether a dotted name is a module, or a class or function written in one.

    By reading, not importing: the workers' modules open connections.
    """
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        place = PROJECT.joinpath(*(["sdk", "src"] if parts[0] == "planexe_agent" else []))
        module = place.joinpath(*parts[:count])
        source = module.with_suffix(".py") if count > 1 else module / "__init__.py"
        source = source if source.exists() else module / "__init__.py"
        if source.exists():
            text = source.read_text()
            return all(re.search(rf"\b(?:def|class) {part}\b", text) for part in parts[count:])
    return False


def functions_of(module: ModuleType) -> list[str]:
    """Name the public functions that a module defines."""
    return [name for name, _ in inspect.getmembers(module, inspect.isfunction) if name[0] != "_"]
