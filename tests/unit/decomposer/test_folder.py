"""Runs on disk."""

from pathlib import Path

import msgspec
import pytest

from app.domain.errors import InvalidPlan
from decomposer.readers import PlanSource, ReadLimits, read_plan
from tests.unit.decomposer.samples import encoded, packed, read_bytes, run


def lay_out(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in run().items():
        (folder / name).write_bytes(encoded(content))


def test_folder_reads_as_its_archive(tmp_path: Path) -> None:
    lay_out(tmp_path)
    plan = read_plan(PlanSource.from_path(tmp_path), ReadLimits(), "plan_1")
    assert plan.source_format == "planexe-folder"
    assert msgspec.structs.replace(plan, source_format="planexe-zip") == read_bytes(packed(run()))


def test_run_one_folder_below_is_found(tmp_path: Path) -> None:
    lay_out(tmp_path / "run")
    assert read_plan(PlanSource.from_path(str(tmp_path)), ReadLimits(), "p").title == "Kiosk"


def test_archive_on_disk_is_read(tmp_path: Path) -> None:
    path = tmp_path / "whatever.bin"
    path.write_bytes(packed(run()))
    assert read_plan(PlanSource.from_path(path), ReadLimits(), "p").source_format == "planexe-zip"


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPlan, match="holds no work breakdown"):
        read_plan(PlanSource.from_path(tmp_path), ReadLimits(), "p")


def test_path_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPlan, match="No such file"):
        PlanSource.from_path(tmp_path / "missing.zip")


def test_folder_that_vanishes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "wbs_level1.json")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(InvalidPlan, match=r"wbs_level1\.json: Permission denied"):
        read_plan(PlanSource.from_path(tmp_path), ReadLimits(), "p")


@pytest.mark.parametrize(
    ("limits", "message"),
    [(ReadLimits(max_files=2), "more than 2 files"), (ReadLimits(max_file_bytes=9), "larger than")],
)
def test_folder_over_the_limits_is_refused(
    tmp_path: Path, limits: ReadLimits, message: str
) -> None:
    lay_out(tmp_path)
    with pytest.raises(InvalidPlan, match=message):
        read_plan(PlanSource.from_path(tmp_path), limits, "p")
