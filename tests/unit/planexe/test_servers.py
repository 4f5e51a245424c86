"""Both kinds of PlanExe server: what they are asked, and every way they can disappoint."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.planexe import connection as http
from app.planexe.cloud import Cloud
from app.planexe.connection import Connection, Pace
from app.planexe.errors import SourceError, SourceRefused, SourceTroubled, SourceUnheard
from app.planexe.source import PlanSource, Progress, RecognisedServer, Stage
from app.planexe.worker import Worker
from tests.planexe_server import PlanExe, enveloped, said, serving

LIMIT = 1_000_000
ARCHIVE = b"PK" + b"x" * 5000


@pytest.fixture(params=["cloud", "worker"])
def planexe(request: pytest.FixtureRequest) -> Iterator[PlanExe]:
    with serving(PlanExe(request.param, ARCHIVE)) as server:
        yield server


@pytest.fixture
def cloud() -> Iterator[PlanExe]:
    with serving(PlanExe("cloud", ARCHIVE)) as server:
        yield server


@pytest.fixture
def worker() -> Iterator[PlanExe]:
    with serving(PlanExe("worker", ARCHIVE)) as server:
        yield server


def client(server: PlanExe, key: str = "key-12345") -> PlanSource:
    if server.kind == "cloud":
        return Cloud(Connection(server.url, {"X-API-Key": key}))
    return Worker(Connection(server.url), "auto")


def test_plan_is_begun_watched_and_fetched(planexe: PlanExe) -> None:
    source = client(planexe)
    run_id = source.begin("Open a kiosk")
    assert run_id == planexe.run_id
    assert source.progress(run_id) == Progress(Stage.COMPLETED) or planexe.kind == "cloud"
    assert source.archive(run_id, LIMIT) == ARCHIVE


def test_cloud_is_sent_its_key_and_the_arguments(cloud: PlanExe) -> None:
    cloud.key = "key-12345"
    client(cloud).begin("Open a kiosk")
    (tool, headers, body) = cloud.asked[0]
    assert (tool, headers["X-Api-Key"]) == ("plan_create", "key-12345")
    assert body["arguments"] == {"prompt": "Open a kiosk"}


def test_worker_is_asked_for_a_run_with_a_uuid(worker: PlanExe) -> None:
    client(worker).begin("Open a kiosk")
    body = worker.asked[0][2]
    assert (body["plan_prompt"], body["use_uuid_as_run_id"]) == ("Open a kiosk", True)


@pytest.mark.parametrize(
    ("state", "stage"),
    [("processing", Stage.WORKING), ("completed", Stage.COMPLETED), ("stopped", Stage.FAILED)],
)
def test_state_is_told(planexe: PlanExe, state: str, stage: Stage) -> None:
    planexe.states = [state]
    assert client(planexe).progress(planexe.run_id).stage is stage


def test_progress_of_the_cloud_names_percent_and_step(cloud: PlanExe) -> None:
    cloud.states = ["processing"]
    assert client(cloud).progress(cloud.run_id).told == "processing, 42 %, wbs_level2"


def test_failure_in_the_cloud_is_told_with_its_reason(cloud: PlanExe) -> None:
    cloud.states = ["failed"]
    found = client(cloud).progress(cloud.run_id)
    assert found == Progress(Stage.FAILED, "its state is 'failed': generation_failed, no model")


def test_run_the_worker_does_not_have_is_told(worker: PlanExe) -> None:
    worker.states = ["absent"]
    assert client(worker).progress(worker.run_id).stage is Stage.FAILED


def test_run_of_a_restarted_worker_counts_as_alive_while_its_files_change(worker: PlanExe) -> None:
    told = {"running": False, "pid": None, "returncode": None, "last_update_seconds_ago": 5}
    worker.faults[f"/runs/{worker.run_id}"] = [
        said(told),
        said(told | {"last_update_seconds_ago": 5000}),
    ]
    source = client(worker)
    assert source.progress(worker.run_id).stage is Stage.WORKING
    assert source.progress(worker.run_id).stage is Stage.FAILED


def test_unknown_plan_is_refused_by_name(cloud: PlanExe) -> None:
    with pytest.raises(SourceRefused, match="refuses plan_status: PLAN_NOT_FOUND, Plan not found"):
        client(cloud).progress("other")


def test_structured_answer_without_text_is_read(cloud: PlanExe) -> None:
    cloud.faults["plan_status"] = [said({"structuredContent": {"state": "completed"}})]
    assert client(cloud).progress(cloud.run_id).stage is Stage.COMPLETED


@pytest.mark.parametrize(
    ("info", "error", "message"),
    [
        ({"sha256": "0" * 64}, SourceTroubled, "damaged: its SHA-256"),
        ({"download_size": 4000}, SourceTroubled, "announced were 4,000"),
        ({"download_size": LIMIT + 1}, SourceRefused, "allowed are 1,000,000"),
        ({"download_url": None}, SourceTroubled, "names no address"),
        ({"download_url": "file:///etc/passwd"}, SourceRefused, "neither http nor https"),
        ({"download_url": "ftp://example.org/x"}, SourceRefused, "neither http nor https"),
        ({"download_url": "http://127.0.0.1:1/x"}, SourceRefused, "private network"),
        ({"download_url": "http://169.254.169.254/x"}, SourceRefused, "private network"),
        ({"download_url": "http://[::1]/x"}, SourceRefused, "private network"),
        ({"download_url": "http://localhost:1/x"}, SourceRefused, "private network"),
        ({"download_url": "http://[::1"}, SourceRefused, "address is none"),
        ({"error": {"code": "content_unavailable"}}, SourceRefused, "content_unavailable"),
    ],
)
def test_archive_that_is_not_as_announced_is_not_taken(
    cloud: PlanExe, info: dict[str, Any], error: type[SourceError], message: str
) -> None:
    cloud.file_info = info
    with pytest.raises(error, match=message):
        client(cloud).archive(cloud.run_id, LIMIT)


FAULTS = [
    (said({}, 401), SourceRefused, r"does not accept the key \(401\)"),
    (said({}, 403), SourceRefused, r"does not accept the key \(403\)"),
    (said({}, 404), SourceRefused, "knows no such plan"),
    (said({}, 418), SourceRefused, r"refuses the request \(418\)"),
    (said({}, 429), SourceUnheard, "takes no more requests"),
    (said({}, 500), SourceTroubled, r"in trouble \(500\)"),
    (said({}, 302, Location="http://10.0.0.1/"), SourceRefused, "leads on to 'http://10.0.0.1/'"),
    ((200, {}, b"<html>"), SourceRefused, "answered no JSON"),
    ((200, {}, b"[" * 100_000), SourceRefused, "answered no JSON"),
    (said([1]), SourceRefused, "no JSON object"),
    ((200, {"Announce": "99"}, b"{}"), SourceTroubled, "broke off"),
    ((200, {}, b" " * 5_000_000), SourceRefused, "larger than 4,194,304 bytes"),
]


@pytest.mark.parametrize(("answer", "error", "message"), FAULTS, ids=lambda value: str(value)[:30])
def test_answer_that_makes_no_sense_is_told(
    planexe: PlanExe, answer: Any, error: type[SourceError], message: str
) -> None:
    planexe.faults = {"plan_status": [answer], f"/runs/{planexe.run_id}": [answer]}
    with pytest.raises(error, match=message) as caught:
        client(planexe).progress(planexe.run_id)
    assert caught.type is error


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((200, {"Announce": "90000"}, ARCHIVE), SourceTroubled, "broke off"),
        (said({}, 302, Location="http://192.168.0.1/"), SourceRefused, "not followed"),
        ((200, {}, b"x" * (LIMIT + 1)), SourceRefused, "larger than 1,000,000 bytes"),
        (said({}, 503, Retry_After="7"), SourceTroubled, "in trouble"),
    ],
    ids=["cut", "redirect", "large", "503"],
)
def test_download_that_goes_wrong_is_told(
    planexe: PlanExe, answer: Any, error: type[SourceError], message: str
) -> None:
    planexe.faults = {"/download": [answer], f"/runs/{planexe.run_id}/zip": [answer]}
    with pytest.raises(error, match=message):
        client(planexe).archive(planexe.run_id, LIMIT)


def test_time_to_wait_is_told(cloud: PlanExe) -> None:
    cloud.faults["plan_status"] = [said({}, 429, Retry_After="7")]
    with pytest.raises(SourceUnheard) as caught:
        client(cloud).progress(cloud.run_id)
    assert caught.value.retry_after == 7


def test_server_that_is_not_there_was_not_heard() -> None:
    with serving(PlanExe("worker", b"")) as server:
        url = server.url
    with pytest.raises(SourceUnheard, match="cannot be reached"):
        Worker(Connection(url), "auto").begin("x")


def test_key_goes_to_the_server_alone(cloud: PlanExe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_is_public", lambda _host, _port: True)
    with serving(PlanExe("cloud", ARCHIVE)) as elsewhere:
        cloud.file_info = {"download_url": f"{elsewhere.url}/download"}
        assert client(cloud).archive(cloud.run_id, LIMIT) == ARCHIVE
        assert "X-Api-Key" not in elsewhere.asked[0][1]


def test_pace_lets_no_more_pass_than_a_minute_may_have() -> None:
    pace = Pace(2)
    pace.step()
    pace.step()
    with pytest.raises(SourceUnheard) as caught:
        pace.step()
    assert 0 < (caught.value.retry_after or 0) <= 60


def test_cloud_is_not_asked_more_often_than_it_allows(cloud: PlanExe) -> None:
    source = Cloud(Connection(cloud.url, per_minute=1))
    source.progress(cloud.run_id)
    with pytest.raises(SourceUnheard, match="no more requests this minute"):
        source.progress(cloud.run_id)
    assert len(cloud.asked) == 1


def test_kind_of_server_is_found_out_once(planexe: PlanExe) -> None:
    runs = Connection(planexe.url)
    source = RecognisedServer(
        Cloud(runs), Worker(runs, "auto"), lambda: runs.status("/mcp/tools") != 404
    )
    assert source.begin("x") == planexe.run_id
    assert source.archive(planexe.run_id, LIMIT) == ARCHIVE
    assert planexe.paths().count("/mcp/tools") == 1


def test_tool_that_answers_nothing_known_is_refused(cloud: PlanExe) -> None:
    cloud.faults["plan_create"] = [said({"content": []}), enveloped({}), enveloped({"plan_id": 7})]
    for _ in range(3):
        with pytest.raises(SourceRefused, match=r"not known|named no id"):
            client(cloud).begin("x")
