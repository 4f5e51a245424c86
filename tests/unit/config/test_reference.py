"""What is written about the settings is what they are."""

from pathlib import Path

from config import reference
from config.dotenv import read_dotenv
from config.settings import Settings, specs


def test_example_file_is_up_to_date() -> None:
    assert reference.EXAMPLE.read_text(encoding="utf-8") == reference.example()


def test_documentation_page_is_up_to_date() -> None:
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page()


def test_every_setting_is_on_both() -> None:
    for spec in specs():
        assert f"`{spec.env}`" in reference.page()
        assert f"\n#{spec.env}=" in reference.example()


def test_example_uncommented_gives_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    lines = reference.example().splitlines()
    names = tuple(f"#{spec.env}=" for spec in specs())
    path.write_text("\n".join(line[1:] for line in lines if line.startswith(names)))

    assert set(read_dotenv(path)) == {spec.env for spec in specs()}
    assert Settings.load({}, path) == Settings.load({}, tmp_path / "absent")


def test_writing_replaces_the_files(tmp_path: Path) -> None:
    reference.write({tmp_path / "page.md": "new"})

    assert (tmp_path / "page.md").read_text() == "new"
