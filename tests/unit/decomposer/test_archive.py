"""Archives: every layout that is read, and every trick that is refused."""

import io
import struct
import warnings
import zipfile
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidPlan
from tests.unit.decomposer.samples import attempt, encoded, packed, read_bytes, run, told

FILES = run()
PREFIXED = {
    f"0{number:02}-{number}-{name}": data for number, (name, data) in enumerate(run().items())
}


@pytest.mark.parametrize(
    "data",
    [
        packed(FILES, "top/"),
        packed(FILES, "a/b/c/"),
        packed(PREFIXED),
        packed({f"kiosk_{name}": data for name, data in FILES.items()}),
        packed({f"kiosk-{name.upper()}": data for name, data in FILES.items()}),
        packed(FILES | {"__MACOSX/._wbs_level2.json": b"\0", ".DS_Store": b"\0"}),
        packed(FILES | {f"backup/{name}": b"old" for name in FILES}),
        packed(
            FILES | {"log.txt": b"key", "wbs_level3_1_raw.json": b"{", "wbs_level1_raw.json": b""}
        ),
    ],
)
def test_every_layout_reads_as_the_same_plan(data: bytes) -> None:
    assert read_bytes(data) == read_bytes(packed(FILES))


def test_of_several_files_that_fit_the_first_is_read_and_told() -> None:
    plan = read_bytes(packed(FILES | {"018-2-wbs_level1.json": {"project_title": "Other"}}))
    assert plan.title == "Other"
    assert told(plan, "ambiguous-file")[0].value == "018-2-wbs_level1.json, wbs_level1.json"


def test_stem_alone_goes_before_a_rougher_match_without_a_word() -> None:
    plan = read_bytes(packed(FILES | {"a_wbs_level1.json": {"project_title": "Other"}}))
    assert (plan.title, plan.warnings) == ("Kiosk", [])


def test_two_runs_in_one_archive_are_refused() -> None:
    files = {f"{top}/{name}": data for top in ("a", "b") for name, data in FILES.items()}
    with pytest.raises(InvalidPlan, match="several runs: a, b"):
        read_bytes(packed(files))


@pytest.mark.parametrize("files", [{}, {"readme.txt": b"hello"}, {"wbs_level3.json": []}])
def test_archive_without_a_run_is_refused(files: dict[str, object]) -> None:
    with pytest.raises(InvalidPlan, match="holds no work breakdown"):
        read_bytes(packed(files))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../evil.txt", "leads out"),
        ("a/../../evil.txt", "leads out"),
        ("a\\..\\evil.txt", "leads out"),
        ("/etc/passwd", "absolute"),
        ("C:/evil.txt", "absolute"),
    ],
)
def test_path_that_leads_out_is_refused(name: str, message: str) -> None:
    with pytest.raises(InvalidPlan, match=message) as caught:
        read_bytes(packed(FILES | {name: b"x"}))
    assert caught.value.faults[0].where == name


def test_name_with_a_hidden_end_is_refused() -> None:
    data = packed(FILES | {"evilX.txt": b"x"}).replace(b"evilX", b"evil\0")
    with pytest.raises(InvalidPlan, match=r"U\+0000"):
        read_bytes(data)


def altered(change: Callable[[zipfile.ZipInfo], None]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in FILES.items():
            info = zipfile.ZipInfo(name)
            change(info)
            archive.writestr(info, encoded(content))
    return buffer.getvalue()


def test_link_is_refused() -> None:
    def link(info: zipfile.ZipInfo) -> None:
        info.external_attr = 0o120777 << 16

    with pytest.raises(InvalidPlan, match="is a link"):
        read_bytes(altered(link))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(method: int) -> None:
    def compress(info: zipfile.ZipInfo) -> None:
        info.compress_type = method

    with pytest.raises(InvalidPlan, match="compression method"):
        read_bytes(altered(compress))


def test_encrypted_entry_is_refused() -> None:
    data = bytearray(packed(FILES))
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 8, 1)
    with pytest.raises(InvalidPlan, match="encrypted"):
        read_bytes(bytes(data))


def test_entry_that_appears_twice_is_refused() -> None:
    buffer = io.BytesIO(packed(FILES))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("wbs_level2.json", "[]")
    with pytest.raises(InvalidPlan, match="appears twice"):
        read_bytes(buffer.getvalue())


def test_bomb_is_refused_by_what_it_declares() -> None:
    with pytest.raises(InvalidPlan, match="archive bomb"):
        read_bytes(packed(FILES | {"zeros.bin": b"\0" * 3_000_000}), max_archive_bytes=2_000_000)


def lying(data: bytes, name: str, size: int) -> bytes:
    """Let an archive declare another size for one of its files."""
    changed = bytearray(data)
    entry = changed.index(name.encode(), changed.index(b"PK\x01\x02")) - 46
    struct.pack_into("<I", changed, entry + 24, size)
    return bytes(changed)


@pytest.mark.parametrize("limit", ["max_file_bytes", "max_archive_bytes"])
def test_bomb_that_declares_little_is_refused_by_what_comes_out(limit: str) -> None:
    bomb = packed(FILES | {"wbs_level3.json": b" " * 3_000_000})
    with pytest.raises(InvalidPlan, match=r"archive bomb|broken"):
        read_bytes(lying(bomb, "wbs_level3.json", 10), "bomb.zip", **{limit: 100_000})


def test_large_file_is_refused_with_its_name() -> None:
    bomb = packed(FILES | {"wbs_level3.json": b" " * 3_000_000})
    with pytest.raises(InvalidPlan, match=r"wbs_level3\.json: unpacks to more than 100,000"):
        read_bytes(bomb, max_file_bytes=100_000)


def test_too_many_files_are_refused() -> None:
    with pytest.raises(InvalidPlan, match="more than 3 files"):
        read_bytes(packed(FILES), max_files=3)


def test_file_cut_short_is_refused() -> None:
    with pytest.raises(InvalidPlan, match="archive is broken"):
        read_bytes(packed(FILES)[:-40])


def test_half_an_archive_is_told_to_be_cut_short() -> None:
    data = packed(FILES)
    with pytest.raises(InvalidPlan, match="cut short, its directory at the end is missing"):
        read_bytes(data[: len(data) // 2])


def test_damaged_content_is_refused() -> None:
    data = bytearray(packed(FILES))
    start = data.index(b"wbs_level3.json") + len("wbs_level3.json")
    data[start + 5 : start + 25] = bytes(20)
    with pytest.raises(InvalidPlan, match="archive is broken"):
        read_bytes(bytes(data))


@given(st.data())
def test_no_damage_gives_another_error_than_invalid_plan(draws: st.DataObject) -> None:
    data = bytearray(packed(FILES))
    for _ in range(draws.draw(st.integers(1, 6))):
        data[draws.draw(st.integers(4, len(data) - 1))] = draws.draw(st.integers(0, 255))
    result = attempt(bytes(data))
    assert result.faults if isinstance(result, InvalidPlan) else msgspec.json.encode(result)
