"""Larry's settings."""

from pathlib import Path

import pytest
from larry import settings
from larry.agent import build
from larry.settings import SettingsError, read


def test_environment_stands_above_the_file_and_the_command_line_above_both(tmp_path: Path) -> None:
    file = tmp_path / "larry.toml"
    file.write_text('name = "File"\nsender_name = "File"\nsender_address = "f@x.org"\nslots = 2\n')
    environment = {"LARRY_CONFIG": str(file), "LARRY_NAME": "Env", "LARRY_SENDER_NAME": "Env"}
    found = read({"name": "Given"}, environment)
    assert (found.name, found.sender_name, found.sender_address) == ("Given", "Env", "f@x.org")
    assert found.slots == 2


def test_every_fault_is_named_with_key_value_and_what_would_do() -> None:
    given = {"LARRY_SPEED": "fast", "LARRY_SLOTS": "0", "LARRY_MAIL": "pigeon", "LARRY_COLOUR": "x"}
    with pytest.raises(SettingsError) as refused:
        read(environment=given)
    text = str(refused.value)
    assert "LARRY_SPEED=fast: a number from 0.001 to 1e+06" in text
    assert "LARRY_SLOTS=0: a whole number from 1 to 64" in text
    assert "LARRY_MAIL=pigeon: one of simulated, smtp" in text
    assert "LARRY_COLOUR: there is no such setting" in text


def test_choice_names_what_it_cannot_do_without() -> None:
    with pytest.raises(SettingsError, match="LARRY_SMTP_HOST is missing: LARRY_MAIL=smtp needs it"):
        read(environment={"LARRY_MAIL": "smtp"})


def test_secrets_are_never_shown() -> None:
    given = {"LARRY_TWILIO_TOKEN": "top-secret", "LARRY_KEY": "top-secret"}
    assert "top-secret" not in repr(read(environment=given))


@pytest.mark.parametrize("text", ["name = ", "\xff"])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "larry.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"larry\.toml cannot be read"):
        read(environment={}, file=file)


@pytest.mark.parametrize("named", ["nowhere:create", "larry.settings:nothing", "larry"])
def test_world_that_is_not_there_is_named(tmp_path: Path, named: str) -> None:
    chosen = read({"world": named, "work_dir": str(tmp_path), "key": "k"}, environment={})
    with pytest.raises(SettingsError, match=f"LARRY_WORLD={named}"):
        build(chosen)


def test_every_setting_is_on_the_page() -> None:
    page = (Path(settings.__file__).parents[1] / "README.md").read_text()
    for name in settings.Settings.__dataclass_fields__:
        assert f"`LARRY_{name.upper()}`" in page
