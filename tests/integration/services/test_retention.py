"""Months of the log are put away into files that prove themselves, and come back whole."""

import datetime as dt
import errno
import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from app.commands.calibrate import calibration_of, table
from app.domain.errors import Archived, NotFound
from app.domain.ids import least_id
from app.record.archive_files import EVENTS, MANIFEST, Draft, Manifest
from app.record.archives import Archives
from app.record.engine import connect
from app.record.errors import Damaged, NotClosed
from app.record.outcomes import Outcomes
from app.record.partitions import Month, month_of
from app.services import Services
from config.settings import Settings
from tests.replay import assert_record_proves_itself

from ..stage import Stage, TurnedClock

NO_TIME = dt.timedelta()


class Scene:
    """A month in which executions were born, all of them ended."""

    def __init__(self, services: Services, stage: Stage, clock: TurnedClock, settings: Settings):
        self.services = services
        self.stage = stage
        self.clock = clock
        self.database_url = settings.database_url or ""
        self.folder = settings.data_dir / settings.archive_dir
        self.agent = stage.agent()
        self.executions = [stage.execution(self.agent) for _ in range(2)]
        stage.carry_out(self.agent)
        self.settle()
        self.month = month_of(self.executions[0]) or Month(2020, 1)

    @property
    def place(self) -> Path:
        return self.folder / str(self.month)

    def settle(self) -> None:
        """Record everything and put ended executions out of Redis."""
        self.services.persistence.drain(self.stage.workspace_id, NO_TIME)
        self.clock.advance(minutes=2)
        self.services.upkeep.sweep(self.stage.workspace_id)

    def wait(self, days: float = 125) -> None:
        """Let so much time pass that the month is over and its retention too."""
        self.clock.advance(days=days)

    def put_away(self) -> None:
        self.wait()
        assert [one.month for one in self.services.retention.put_away_due()] == [str(self.month)]

    def rows(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(
                "SELECT execution_id, seq, workspace_id, event_id, event_type, task_id, agent_id, "
                "recorded_at, hash, body::text FROM execution_events ORDER BY execution_id, seq"
            ).fetchall()

    def tamper(self, statement: str) -> None:
        with psycopg.connect(self.database_url) as connection:
            connection.execute("SET session_replication_role = replica")
            assert connection.execute(statement.encode()).rowcount == 1

    def events(self, execution_id: str = "") -> list[int]:
        return self.stage.seqs(execution_id or self.executions[0])


@pytest.fixture
def scene(services: Services, stage: Stage, clock: TurnedClock, settings: Settings) -> Scene:
    return Scene(services, stage, clock, settings)


def test_month_is_put_away_and_comes_back_as_it_was(scene: Scene) -> None:
    before = scene.rows()
    scene.put_away()
    assert scene.rows() == []
    assert scene.month not in scene.services.retention._partitions.months()

    manifest = scene.services.retention.bring_back(scene.month)

    assert scene.rows() == before
    assert (manifest.rows, manifest.executions) == (len(before), 2)
    for execution_id in scene.executions:
        assert_record_proves_itself(scene.database_url, scene.stage.workspace_id, execution_id)
    assert scene.services.retention.orphans() == []


def test_calibration_leaves_out_and_counts_what_was_put_away(scene: Scene) -> None:
    engine = connect(scene.database_url, pool_size=1)
    try:
        here = Outcomes(engine).newest()
        scene.put_away()
        away = Outcomes(engine).newest()
        told = table(calibration_of(Outcomes(engine), 10))
        scene.services.retention.bring_back(scene.month)
        back = Outcomes(engine).newest()
    finally:
        engine.dispose()

    assert (len(here.outcomes), here.archived) == (4, 0)
    assert (away.outcomes, away.archived) == ([], 2)
    assert "2 executions are left out: the events are in an archive." in told
    assert back == here


def test_archive_proves_itself_without_this_program(scene: Scene) -> None:
    rows = scene.rows()
    scene.put_away()
    packed = (scene.place / EVENTS).read_bytes()
    plain = gzip.decompress(packed)
    manifest = json.loads((scene.place / MANIFEST).read_text())
    assert manifest["events"] == {
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "unpacked_bytes": len(plain),
        "unpacked_sha256": hashlib.sha256(plain).hexdigest(),
    }
    assert (manifest["format"], manifest["rows"], manifest["executions"]) == (1, len(rows), 2)
    assert manifest["schema_revision"]
    heads: dict[str, str] = {}
    for line in plain.splitlines():
        body = line[line.index(b'"event":') + len(b'"event":') : -1]
        event = json.loads(body)
        head = heads.get(event["execution_id"], "0" * 64)
        heads[event["execution_id"]] = hashlib.sha256(head.encode() + body).hexdigest()
        assert heads[event["execution_id"]] == json.loads(line)["hash"]
    assert {row[0] for row in rows} == set(heads)
    assert sorted(path.name for path in scene.place.iterdir()) == [EVENTS, MANIFEST]


def test_events_in_an_archive_are_told_apart_from_none(scene: Scene) -> None:
    execution_id, place = scene.executions[0], scene.stage.workspace_id
    seqs = scene.events()
    scene.put_away()
    history = scene.services.history
    for ask in (
        lambda: history.page(place, execution_id),
        lambda: history.page(place, execution_id, event_type="note", order="desc"),
        lambda: list(history.after(place, execution_id, 0)),
        lambda: scene.services.blockers.page(place, execution_id),
    ):
        with pytest.raises(Archived, match=f"planexe-ax history import {scene.month}"):
            ask()
    assert scene.stage.status(execution_id) == "COMPLETED"
    assert scene.services.executions.tree(place, execution_id)["phases"]
    with pytest.raises(NotFound):
        history.page("ws_other", execution_id)

    scene.services.retention.bring_back(scene.month)

    assert scene.events() == seqs
    assert history.page(place, execution_id, agent_id="somebody_else").items == []


def test_watcher_of_an_archived_execution_gets_a_snapshot(scene: Scene) -> None:
    scene.put_away()
    follow = scene.services.feed.follow(scene.stage.workspace_id, scene.executions[0], 1)
    first = next(iter(follow))
    follow.close()  # type: ignore[attr-defined]
    assert json.loads(first or "")["type"] == "snapshot"


def test_month_with_an_unfinished_execution_stays(scene: Scene) -> None:
    late = scene.stage.execution(scene.agent)
    scene.settle()
    scene.wait()
    assert scene.services.retention.put_away_due() == []
    with pytest.raises(NotClosed, match=late):
        scene.services.retention.put_away(scene.month)
    assert len({row[0] for row in scene.rows()}) == 3


def test_month_stays_until_its_retention_is_over(scene: Scene) -> None:
    scene.wait(80)
    assert scene.services.retention.put_away_due() == []
    (view,) = [one for one in scene.services.retention.months() if one.month == str(scene.month)]
    assert "it is due on" in view.kept_because
    assert scene.services.retention.put_away(scene.month)


def test_month_that_is_not_over_stays(scene: Scene) -> None:
    with pytest.raises(NotClosed, match="not over"):
        scene.services.retention.put_away(scene.month)
    with pytest.raises(NotFound):
        scene.services.retention.put_away(Month(2020, 1))


def test_month_stays_while_one_of_its_executions_is_in_redis(
    scene: Scene,
) -> None:
    late = scene.stage.execution(scene.agent)
    scene.stage.carry_out(scene.agent)
    scene.services.persistence.drain(scene.stage.workspace_id, NO_TIME)
    scene.wait()
    assert scene.services.retention.put_away_due() == []
    with pytest.raises(NotClosed, match=f"still in Redis: {late}"):
        scene.services.retention.put_away(scene.month)


def test_month_that_came_back_stays_for_another_retention(scene: Scene) -> None:
    scene.put_away()
    scene.services.retention.bring_back(scene.month)
    scene.wait(80)
    assert scene.services.retention.put_away_due() == []
    scene.wait(20)
    assert [one.month for one in scene.services.retention.put_away_due()] == [str(scene.month)]
    with pytest.raises(Archived):
        scene.events()


@pytest.mark.parametrize("point", ["write", "read_back", "publish", "_drop"])
def test_export_that_was_killed_is_repeated_without_harm(
    scene: Scene, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scene.rows()
    scene.wait()
    left_over = scene.folder / "2026-01" / f"{EVENTS}.draft"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    owner = Archives if point == "_drop" else Draft
    doing = getattr(owner, point)

    def killed(*args: Any) -> None:
        if point == "publish":
            draft: Draft = args[0]
            (draft._folder / f"{EVENTS}.draft").replace(draft._folder / EVENTS)
        elif point == "write":
            doing(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, point, killed)
        with pytest.raises(KeyboardInterrupt):
            scene.services.retention.put_away_due()
    assert scene.rows() == before
    assert len(scene.events()) > 2

    assert [one.month for one in scene.services.retention.put_away_due()] == [str(scene.month)]

    assert sorted(path.name for path in scene.place.iterdir()) == [EVENTS, MANIFEST]
    assert not left_over.parent.exists()
    scene.services.retention.bring_back(scene.month)
    assert scene.rows() == before


def test_disk_that_is_full_costs_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scene.rows()
    scene.wait()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("app.record.archive_files.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            scene.services.retention.put_away_due()
    assert not scene.place.exists()
    assert scene.rows() == before
    assert scene.services.retention.put_away_due()


def test_event_that_comes_while_a_month_is_written_keeps_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.wait()
    publish = Draft.publish

    def adding(draft: Draft) -> None:
        publish(draft)
        scene.tamper(
            "INSERT INTO execution_events SELECT execution_id, 1000, workspace_id, event_id, "
            "event_type, task_id, agent_id, recorded_at, hash, body FROM execution_events LIMIT 1"
        )

    monkeypatch.setattr(Draft, "publish", adding)
    with pytest.raises(NotClosed, match="added meanwhile"):
        scene.services.retention.put_away(scene.month)
    assert scene.rows()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE execution_events SET body = (body::text || ' ')::json WHERE {third}",
        "UPDATE execution_events SET hash = repeat('0', 64) WHERE {third}",
        "UPDATE execution_events SET execution_id = '{other}', seq = 99 WHERE {third}",
        "DELETE FROM execution_events WHERE {third}",
        "DELETE FROM execution_events WHERE {last}",
        "UPDATE executions SET head_hash = repeat('0', 64) WHERE execution_id = '{one}'",
    ],
)
def test_month_that_does_not_prove_itself_is_never_dropped(
    scene: Scene, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = scene.executions
    third = f"execution_id = '{one}' AND seq = 3"
    last = f"execution_id = '{one}' AND seq = {len(scene.events())}"
    scene.tamper(change.format(one=one, other=other, third=third, last=last))
    scene.wait()
    left = scene.rows()
    assert scene.services.retention.put_away_due() == []
    assert scene.executions[0] in caplog.text
    assert scene.rows() == left
    assert not (scene.place / MANIFEST).exists()


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def spots(size: int) -> Iterator[int]:
    """Give places all over a file, the first and the last among them."""
    yield from range(0, size, max(1, size // 40))
    yield size - 1


def test_wrong_byte_anywhere_is_refused_with_its_place(scene: Scene) -> None:
    scene.put_away()
    for name in (EVENTS, MANIFEST):
        for at in spots((scene.place / name).stat().st_size):
            flip(scene.place / name, at)
            with pytest.raises(Damaged, match=name):
                scene.services.retention.bring_back(scene.month)
            flip(scene.place / name, at)
    assert scene.rows() == []
    assert scene.services.retention.orphans() == []
    scene.services.retention.bring_back(scene.month)


def rewritten(scene: Scene, change: Any) -> None:
    """Change the events and make the manifest agree with them, as a forger would."""
    plain = change(gzip.decompress((scene.place / EVENTS).read_bytes()))
    packed = gzip.compress(plain)
    (scene.place / EVENTS).write_bytes(packed)
    manifest = json.loads((scene.place / MANIFEST).read_text())
    manifest["events"] = {
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "unpacked_bytes": len(plain),
        "unpacked_sha256": hashlib.sha256(plain).hexdigest(),
    }
    sign(scene, manifest)


def sign(scene: Scene, document: dict[str, Any]) -> None:
    manifest = msgspec.convert(document, Manifest)
    (scene.place / MANIFEST).write_bytes(
        msgspec.json.encode(msgspec.structs.replace(manifest, sha256=manifest.proof))
    )


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda plain: plain.replace(b"t0s1", b"t0s9", 1), "its hash"),
        (lambda plain: b"".join(plain.splitlines(keepends=True)[1:]), "line 1 .*follows seq 0"),
        (lambda plain: plain + plain.splitlines(keepends=True)[-1], "follows seq"),
        (lambda plain: plain + b"{}\n", "is no event"),
        (lambda plain: plain[:-1], "no end"),
        (lambda plain: b"", "counts other events"),
        (lambda plain: b"".join(plain.splitlines(keepends=True)[:-1]), "counts other events"),
        (lambda plain: plain.replace(b"exec_", b"exec_0"), "was not born in"),
        (lambda plain: b"\xff\n", "is no event"),
    ],
)
def test_forged_archive_is_refused_with_its_place(scene: Scene, change: Any, place: str) -> None:
    scene.put_away()
    rewritten(scene, change)
    with pytest.raises(Damaged, match=place):
        scene.services.retention.bring_back(scene.month)
    assert scene.rows() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("format", 2), ("month", "2026-99"), ("month", "../x"), ("rows", 1), ("month", "2020-01")],
)
def test_manifest_of_another_archive_is_refused(scene: Scene, field: str, value: object) -> None:
    scene.put_away()
    path = scene.place / MANIFEST
    sign(scene, {**json.loads(path.read_text()), field: value})
    with pytest.raises(Damaged):
        scene.services.retention.bring_back(scene.place)
    path.write_text("[")
    with pytest.raises(Damaged, match=MANIFEST):
        scene.services.retention.bring_back(scene.place)
    path.unlink()
    with pytest.raises(Damaged, match=MANIFEST):
        scene.services.retention.bring_back(scene.place)


def test_failed_execution_is_taken_up_again_only_with_its_events(scene: Scene) -> None:
    execution_id = scene.executions[0]
    scene.tamper(
        "UPDATE executions SET status = 'FAILED', "
        "header = replace(header::text, 'COMPLETED', 'FAILED')::json "
        f"WHERE execution_id = '{execution_id}'"
    )
    scene.put_away()
    with pytest.raises(Archived):
        scene.services.executions.control(scene.stage.owner, execution_id, {"status": "RUNNING"})


def test_events_that_came_after_a_month_was_put_away_join_it(scene: Scene) -> None:
    before = scene.rows()
    scene.put_away()
    late = scene.stage.execution(scene.agent)
    scene.stage.carry_out(scene.agent)
    scene.settle()
    own = scene.rows()
    assert {row[0] for row in own} == {late}
    assert scene.events(late)

    scene.wait()
    assert scene.services.retention.put_away_due() == [], "the archive would lose what it has"
    assert scene.rows() == own

    scene.services.retention.bring_back(scene.month)
    assert scene.rows() == sorted([*before, *own])
    scene.wait()
    (manifest,) = scene.services.retention.put_away_due()
    assert manifest.executions == 3


def test_archive_in_another_folder_can_be_brought_back(scene: Scene, tmp_path: Path) -> None:
    before = scene.rows()
    scene.put_away()
    moved = tmp_path / "elsewhere"
    scene.place.rename(moved)
    with pytest.raises(Damaged, match=MANIFEST):
        scene.services.retention.bring_back(scene.month)
    scene.services.retention.bring_back(moved)
    assert scene.rows() == before


def test_only_one_process_puts_months_away(scene: Scene) -> None:
    scene.wait()
    with scene.services.retention._archives.alone() as alone:
        assert alone
        assert scene.services.retention.put_away_due() == []
        with pytest.raises(NotClosed, match="Another process"):
            scene.services.retention.put_away(scene.month)
        with pytest.raises(NotClosed, match="Another process"):
            scene.services.retention.bring_back(scene.month)
    assert scene.services.retention.put_away_due()


def test_month_without_events_goes_without_an_archive(scene: Scene) -> None:
    scene.put_away()
    partitions, coming = scene.services.retention._partitions, scene.month.next
    partitions.make_for([least_id("exec", coming.start)])
    assert coming in partitions.months()
    scene.wait(40)
    assert scene.services.retention.put_away_due() == []
    assert coming not in partitions.months()
    assert [path.name for path in scene.folder.iterdir()] == [str(scene.month)]
