"""Plans from a PlanExe server, from the wish to the breakdown, on real servers."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app import bootstrap
from app.domain.errors import Conflict, Invalid
from app.services import Services
from app.services.errors import NotConfigured
from app.services.identity import Principal
from app.services.imports import MOST_FAILURES
from app.services.imports import ImportService as Service
from config.settings import Settings
from decomposer.readers import ReadLimits
from tests.planexe_server import PlanExe, said, serving
from tests.unit.decomposer.samples import packed, run

from ..stage import TurnedClock

Jobs = list[tuple[str, Any]]
Imports = Callable[[PlanExe | None], Service]


@pytest.fixture(params=["cloud", "worker"])
def planexe(request: pytest.FixtureRequest) -> Iterator[PlanExe]:
    with serving(PlanExe(request.param, packed(run()))) as server:
        yield server


class Queue:
    """Keeps what workers are asked for."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float]] = []
        self.breakdowns: list[tuple[str, int]] = []

    def fetch(self, _workspace_id: str, plan_id: str, delay_seconds: float) -> None:
        self.steps.append((plan_id, delay_seconds))

    def decompose(self, _workspace_id: str, plan_id: str, version: int) -> None:
        self.breakdowns.append((plan_id, version))


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def imports(services: Services, settings: Settings, clock: TurnedClock, queue: Queue) -> Imports:
    """Give the service for a server; what it asks workers for is kept and carried out by hand."""

    def make(server: PlanExe | None) -> Service:
        with_server = Settings(
            database_url=settings.database_url,
            redis_url=settings.redis_url,
            source_url=server.url if server else None,
        )
        return Service(
            bootstrap._plan_source(with_server),
            services.plans._plans,
            services.plans,
            queue,
            ReadLimits(),
            dt.timedelta(seconds=15),
            dt.timedelta(hours=1),
            clock,
        )

    return make


class Import:
    """One import: taken step by step, looked at in between."""

    def __init__(self, service: Service, owner: Principal, services: Services) -> None:
        self._service, self._owner, self._services = service, owner, services
        self.plan_id = ""

    def begin(self, **request: Any) -> Any:
        view = self._service.begin(self._owner, request, "plan_new")
        self.plan_id = str(view["plan_id"])
        return view

    def step(self) -> Any:
        self._service.carry_on(self._owner.workspace_id, self.plan_id)
        return self.plan

    @property
    def plan(self) -> Any:
        return self._services.plans.get(self._owner.workspace_id, self.plan_id)


@pytest.fixture
def ordered(imports: Imports, planexe: PlanExe, owner: Principal, services: Services) -> Import:
    return Import(imports(planexe), owner, services)


def test_prompt_becomes_a_plan_that_is_broken_down(
    ordered: Import, planexe: PlanExe, queue: Queue
) -> None:
    planexe.states = ["processing", "completed"]
    view = ordered.begin(prompt="Open a kiosk\nby the lake")
    assert (view["status"], view["title"]) == ("IMPORTING", "Open a kiosk by the lake")
    assert "began plan" in ordered.step()["status_message"]
    assert ordered.step()["status_message"].startswith("PlanExe: ")
    assert queue.steps[-1] == ("plan_new", 15)

    plan = ordered.step()

    assert (plan["status"], plan["title"], plan["source_format"]) == (
        "DECOMPOSING",
        "Kiosk",
        "planexe-zip",
    )
    assert sum(len(phase["tasks"]) for phase in plan["phases"]) == 3
    assert queue.breakdowns == [("plan_new", 1)]
    assert plan["context"]["planexe"]["run_id"] == planexe.run_id


def test_plan_that_was_written_is_fetched_by_its_id(ordered: Import, planexe: PlanExe) -> None:
    assert ordered.begin(planexe_id=planexe.run_id)["plan_id"] == f"plan_{planexe.run_id}"
    assert ordered.step()["title"] == "Kiosk"


@pytest.mark.parametrize("state", ["processing", "stopped"])
def test_archive_of_an_unfinished_plan_is_not_taken(
    ordered: Import, planexe: PlanExe, state: str
) -> None:
    planexe.states = [state]
    ordered.begin(planexe_id=planexe.run_id)
    plan = ordered.step()
    assert plan["status"] == ("IMPORTING" if state == "processing" else "FAILED")
    assert plan["phases"] == []
    assert not {"/download", f"/runs/{planexe.run_id}/zip"} & {*planexe.paths()}


def test_same_wish_shows_the_same_import(ordered: Import, planexe: PlanExe) -> None:
    planexe.states = ["processing"]
    first = ordered.begin(planexe_id=planexe.run_id)
    ordered.step()
    assert ordered.begin(planexe_id=planexe.run_id)["created_at"] == first["created_at"]


def test_plan_that_was_imported_is_not_imported_twice(ordered: Import, planexe: PlanExe) -> None:
    ordered.begin(planexe_id=planexe.run_id)
    ordered.step()
    with pytest.raises(Conflict, match="imported before"):
        ordered.begin(planexe_id=planexe.run_id)


def test_step_taken_twice_changes_nothing(ordered: Import, planexe: PlanExe, queue: Queue) -> None:
    ordered.begin(planexe_id=planexe.run_id)
    done, asked = ordered.step(), len(planexe.asked)
    assert ordered.step() == done
    assert (len(planexe.asked), len(queue.breakdowns)) == (asked, 1)


def test_import_that_failed_may_be_begun_anew(ordered: Import, planexe: PlanExe) -> None:
    planexe.states = ["stopped"]
    ordered.begin(planexe_id=planexe.run_id)
    assert ordered.step()["status"] == "FAILED"
    planexe.states = ["completed"]
    assert ordered.begin(planexe_id=planexe.run_id)["status"] == "IMPORTING"
    assert ordered.step()["status"] == "DECOMPOSING"


def test_trouble_is_told_and_tried_again_later_each_time(
    ordered: Import, planexe: PlanExe, queue: Queue
) -> None:
    path = "plan_status" if planexe.kind == "cloud" else f"/runs/{planexe.run_id}"
    planexe.faults[path] = [said({}, 500) for _ in range(3)]
    ordered.begin(planexe_id=planexe.run_id)
    for _ in range(3):
        assert "in trouble (500). Trying again." in ordered.step()["status_message"]
    assert [delay for _, delay in queue.steps] == [0, 5, 10, 20]
    assert ordered.step()["status"] == "DECOMPOSING"


def test_trouble_without_end_fails_the_plan(ordered: Import, planexe: PlanExe) -> None:
    path = "plan_status" if planexe.kind == "cloud" else f"/runs/{planexe.run_id}"
    planexe.faults[path] = [said({}, 500) for _ in range(MOST_FAILURES + 1)]
    ordered.begin(planexe_id=planexe.run_id)
    for _ in range(MOST_FAILURES):
        assert ordered.step()["status"] == "IMPORTING"
    plan = ordered.step()
    assert plan["status"] == "FAILED"
    assert "Tried 9 times." in plan["status_message"]


def test_time_the_server_names_is_waited(ordered: Import, planexe: PlanExe, queue: Queue) -> None:
    path = "plan_status" if planexe.kind == "cloud" else f"/runs/{planexe.run_id}"
    planexe.faults[path] = [said({}, 429, Retry_After="30")]
    ordered.begin(planexe_id=planexe.run_id)
    ordered.step()
    assert queue.steps[-1][1] == 30


def test_order_whose_answer_was_lost_is_not_placed_again(ordered: Import, planexe: PlanExe) -> None:
    path = "plan_create" if planexe.kind == "cloud" else "/runs"
    planexe.faults[path] = [(200, {"Announce": "99"}, b"{}")]
    ordered.begin(prompt="x")
    assert ordered.step()["status"] == "IMPORTING"
    plan = ordered.step()
    assert plan["status"] == "FAILED"
    assert "can be imported by its planexe_id" in plan["status_message"]
    assert planexe.paths().count(path) == 1


def test_order_that_was_not_heard_is_placed_again(ordered: Import, planexe: PlanExe) -> None:
    path = "plan_create" if planexe.kind == "cloud" else "/runs"
    planexe.faults[path] = [said({}, 429)]
    ordered.begin(prompt="x")
    assert "no more requests" in ordered.step()["status_message"]
    assert "began plan" in ordered.step()["status_message"]


def test_refusal_fails_the_plan_with_its_reason(ordered: Import, planexe: PlanExe) -> None:
    path = "plan_create" if planexe.kind == "cloud" else "/runs"
    planexe.faults[path] = [said({}, 401)]
    ordered.begin(prompt="x")
    plan = ordered.step()
    assert plan["status"] == "FAILED"
    assert "does not accept the key" in plan["status_message"]


@pytest.mark.parametrize("archive", [b"PK\x03\x04nonsense", packed({"readme.txt": b"hello"})])
def test_archive_that_is_no_run_fails_the_plan(
    ordered: Import, planexe: PlanExe, archive: bytes
) -> None:
    planexe.archive = archive
    ordered.begin(planexe_id=planexe.run_id)
    plan = ordered.step()
    assert plan["status"] == "FAILED"
    assert "PlanExe's archive cannot be imported." in plan["status_message"]


def test_plan_that_takes_too_long_fails(
    ordered: Import, planexe: PlanExe, clock: TurnedClock
) -> None:
    planexe.states = ["processing"]
    ordered.begin(planexe_id=planexe.run_id)
    clock.advance(hours=2)
    assert "did not finish within 1 hours" in ordered.step()["status_message"]


def test_plan_deleted_meanwhile_stays_deleted(
    ordered: Import, planexe: PlanExe, owner: Principal, services: Services
) -> None:
    ordered.begin(planexe_id=planexe.run_id)
    services.plans.delete(owner, ordered.plan_id)
    ordered._service.carry_on(owner.workspace_id, ordered.plan_id)
    assert services.plans.page(owner.workspace_id).items == []
    assert planexe.asked == []


def test_step_that_was_lost_is_asked_for_again(
    ordered: Import,
    planexe: PlanExe,
    services: Services,
    clock: TurnedClock,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ordered.begin(planexe_id=planexe.run_id)
    monkeypatch.setattr(services.maintenance, "_jobs", queue)
    services.maintenance.maintain()
    assert len(queue.steps) == 1
    clock.advance(minutes=3)
    services.maintenance.maintain()
    assert queue.steps[-1] == (ordered.plan_id, 0)
    assert len(queue.steps) == 2


@pytest.mark.parametrize("planexe_id", ["../runs", "a/b", "a:b", "", "x" * 101, "a..b"])
def test_id_that_could_lead_elsewhere_is_refused(ordered: Import, planexe_id: str) -> None:
    with pytest.raises(Invalid):
        ordered.begin(planexe_id=planexe_id)


def test_without_a_server_it_says_what_to_set(imports: Imports, owner: Principal) -> None:
    with pytest.raises(NotConfigured, match="PLANEXE_SOURCE_URL"):
        imports(None).begin(owner, {"prompt": "x"}, "plan_new")
