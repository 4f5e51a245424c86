"""Log lines: one a record, as text or JSON, without secrets."""

import json
import logging
import sys

from config.logging import LineFormatter
from config.settings import Settings

SECRET = "x" * 40


def line(settings: Settings, message: str, *arguments: object, **extra: object) -> str:
    record = logging.LogRecord("app.web", logging.INFO, "", 0, message, arguments, None)
    vars(record).update(extra)
    return LineFormatter(settings).format(record)


def test_text_line_holds_time_level_logger_message_and_fields() -> None:
    written = line(Settings(), "served %s", "a page", seconds=2)

    assert written.endswith("Z info    app.web: served a page seconds=2")


def test_json_line_is_one_object() -> None:
    written = line(Settings(log_format="json"), "two\nlines", execution_id="exec_1")

    assert "\n" not in written
    found = json.loads(written)
    assert found["time"].endswith("Z")
    assert (found["level"], found["logger"]) == ("info", "app.web")
    assert (found["message"], found["execution_id"]) == ("two\nlines", "exec_1")


def test_logged_value_cannot_start_a_line_of_its_own() -> None:
    assert "\n" not in line(Settings(), "name %s", "x\n2026-01-01 info app: false", note="a\nb")


def test_traceback_is_written_indented() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "", 0, "failed", (), sys.exc_info())

    first, *rest = LineFormatter(Settings()).format(record).splitlines()

    assert first.endswith("failed")
    assert rest[-1] == "    ValueError: broken"
    assert all(text.startswith("    ") for text in rest)


def test_secrets_are_hidden_wherever_they_stand() -> None:
    settings = Settings(
        secret_key=SECRET,
        database_url="postgresql://ann:hid%2Fden@localhost/x",
        redis_url="redis://:another-word@localhost/0",
    )

    written = line(
        settings,
        "key %s, hid/den, redis://:another-word@h and postgresql://b:other@h",
        SECRET,
        header="Bearer key_abc",
    )

    for secret in (SECRET, "hid/den", "another-word", "other@", "key_abc"):
        assert secret not in written
    assert "header=Bearer ***" in written


def test_key_of_the_model_is_hidden() -> None:
    written = line(Settings(decomposition_api_key="sk-abc123"), "refused: sk-abc123")

    assert "sk-abc123" not in written
