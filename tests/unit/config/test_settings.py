"""Settings: defaults, sources, and every fault at once."""

from pathlib import Path

import pytest

from config.settings import Settings, SettingsError, specs


def test_defaults_need_nothing_in_the_environment() -> None:
    settings = Settings.load({})

    assert settings.port == 8000
    assert settings.database_url is None
    assert settings.data_dir == Path.cwd() / ".data"


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PLANEXE_PORT=8001\nPLANEXE_HOST=localhost\n")

    settings = Settings.load({"PLANEXE_PORT": "8002"}, dotenv)

    assert (settings.port, settings.host) == (8002, "localhost")


def test_relative_data_folder_counts_from_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = Settings.load({"PLANEXE_DATA_DIR": "my data"}, tmp_path / ".env")

    assert settings.data_dir == tmp_path / "my data"


def test_empty_value_means_the_default() -> None:
    assert Settings.load({"PLANEXE_PORT": "", "DATABASE_URL": ""}) == Settings.load({})


def test_every_fault_is_named_at_once() -> None:
    environ = {
        "PLANEXE_PORT": "70000",
        "PLANEXE_LOG_FORMAT": "xml",
        "PLANEXE_CONFIDENCE_THRESHOLD": "nan",
        "DATABASE_URL": "mysql://localhost/x",
        "PLANEXE_SECRET_KEY": "short",
        "PLANEXE_WORKER_THREAD": "4",
    }

    with pytest.raises(SettingsError) as caught:
        Settings.load(environ)

    assert {fault.name for fault in caught.value.faults} == set(environ)
    assert "PLANEXE_PORT=70000: must be a whole number from 0 to 65535" in str(caught.value)
    assert "one of text, json" in str(caught.value)


def test_unknown_name_is_a_fault_that_tells_the_nearest() -> None:
    with pytest.raises(SettingsError, match="the nearest name is PLANEXE_PORT"):
        Settings.load({"PLANEXE_PROT": "8000"})


def test_key_of_the_sdk_is_not_taken_for_a_setting() -> None:
    assert Settings.load({"PLANEXE_KEY": "key_1"}) == Settings.load({})


def test_secrets_are_shown_neither_in_faults_nor_in_the_text_of_settings() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({"DATABASE_URL": "mysql://ann:hidden-word@localhost/x"})
    settings = Settings.load({"DATABASE_URL": "postgresql://ann:hidden-word@localhost/x"})

    assert "hidden-word" not in str(caught.value)
    assert "hidden-word" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"PLANEXE_LEASE_SECONDS": "300"}, "PLANEXE_LEASE_SECONDS"),
        ({"PLANEXE_BACKOFF_SECONDS": "4000"}, "PLANEXE_MAX_BACKOFF_SECONDS"),
        (
            {"PLANEXE_MAX_BODY_BYTES": "4096", "PLANEXE_MAX_FILE_BYTES": "4096"},
            "PLANEXE_MAX_JSON_BODY_BYTES",
        ),
        ({"PLANEXE_PERSIST_SHARDS": "4"}, "PLANEXE_PERSIST_SHARDS"),
        ({"PLANEXE_MAX_FILE_BYTES": "99999999"}, "PLANEXE_MAX_FILE_BYTES"),
    ],
)
def test_values_that_contradict_each_other_are_a_fault(environ: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ)

    assert [fault.name for fault in caught.value.faults] == [name]


def test_line_of_the_file_that_is_no_assignment_is_named(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PLANEXE_PORT=1\nnonsense\n")

    with pytest.raises(SettingsError, match="line 2 is not NAME=value"):
        Settings.load({}, dotenv)


def test_what_a_process_passes_on_is_read_again_as_the_same(tmp_path: Path) -> None:
    environ = {
        "DATABASE_URL": "postgresql://ann:word@localhost/x",
        "PLANEXE_DATA_DIR": str(tmp_path),
        "PLANEXE_EXECUTION_TIMEOUT_HOURS": "0.5",
        "PLANEXE_LOG_LEVEL": "WARNING",
    }
    settings = Settings.load(environ)

    assert Settings.load(settings.environ()) == settings
    assert "REDIS_URL" not in settings.environ()


def test_default_of_each_setting_is_one_that_it_accepts() -> None:
    for spec in specs():
        if spec.default is not None:
            assert spec.kind.parse(str(spec.default)) == spec.default, spec.env
