"""``planexe-ax history`` against servers that are set."""

import datetime as dt
import json

import pytest

from app import cli
from app.commands import history
from app.record.partitions import Month, month_of
from app.services import Services
from config.settings import Settings

from ..stage import Stage, TurnedClock


@pytest.fixture
def run(services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> "type[Command]":
    """The command, on these services instead of some with a clock of their own."""
    for name, value in settings.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(history, "build", lambda _: services)
    monkeypatch.setattr(history, "configure", lambda _: None)
    return Command


class Command:
    def __init__(self, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        self.code = cli.main(["history", *words])
        self.out, self.err = capsys.readouterr()


@pytest.fixture
def month(services: Services, stage: Stage, clock: TurnedClock) -> Month:
    """A month with one execution, over for long."""
    agent = stage.agent()
    execution_id = stage.execution(agent)
    stage.carry_out(agent)
    services.persistence.drain(stage.workspace_id, dt.timedelta())
    clock.advance(minutes=2)
    services.upkeep.sweep(stage.workspace_id)
    clock.advance(days=50)
    found = month_of(execution_id)
    assert found
    return found


def test_month_is_listed_put_away_and_brought_back(
    run: type[Command], month: Month, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"{month}  in PostgreSQL; it is due on" in run(capsys, "list").out
    assert "nothing to put away" in run(capsys, "export").out

    assert f"{month}: put away" in run(capsys, "export", "--month", str(month)).out
    assert f"{month}  archived: " in run(capsys, "list").out
    refused = run(capsys, "export", "--month", str(month))
    assert (refused.code, refused.err) == (1, f"PostgreSQL holds no events of {month}.\n")

    assert "events of 1 executions" in run(capsys, "import", str(month)).out
    (listed,) = [
        one
        for one in json.loads(run(capsys, "list", "--json").out)["months"]
        if one["month"] == str(month)
    ]
    assert listed["recorded"]
    assert listed["archive"]["restored_at"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "--month", "June"), "is no month"),
        (("export", "--month", "2999-12"), "holds no events"),
        (("import",), "Name what to import"),
        (("import", "2999-12"), "manifest.json: cannot be read"),
        (("import", "/nowhere/at/all"), "manifest.json: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    run: type[Command], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    done = run(capsys, *words)
    assert done.code == 1
    assert told in done.err
    assert done.out == ""
