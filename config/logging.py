"""Logging: one line a record on standard error, as text or JSON, without secrets."""

import datetime as dt
import json
import logging
import re
import textwrap
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from config.outages import watch
from config.settings import Settings

_HIDDEN: Final = "***"
_LEAST_LENGTH: Final = 6
_BEARER: Final = re.compile(r"(?i)(bearer\s+)[^\s'\",]+")
_URL_PASSWORD: Final = re.compile(r"(://[^\s:/@]*:)[^\s@/]+(@)")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure(settings: Settings) -> None:
    """Send every logger of this process to standard error in the form that is set.

    That a server does not answer is said once, and once that it is back.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(settings))
    handler.addFilter(watch(settings))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)


class LineFormatter(logging.Formatter):
    """Writes a record as one line; what was given as ``extra`` becomes fields of it.

    Only a traceback in text form takes more lines, each indented.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._json = settings.log_format == "json"
        self._secrets = _secrets(settings)

    def format(self, record: logging.LogRecord) -> str:
        """Write the record: time, level, logger, message, fields, and a traceback if any."""
        parts = self._fields(record)
        line = json.dumps(parts, default=str, ensure_ascii=False) if self._json else _text(parts)
        return self._without_secrets(line)

    def _fields(self, record: logging.LogRecord) -> dict[str, Any]:
        at = dt.datetime.fromtimestamp(record.created, dt.UTC)
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        parts: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            parts["traceback"] = self.formatException(record.exc_info)
        return parts

    def _without_secrets(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, _HIDDEN)
        line = _BEARER.sub(rf"\1{_HIDDEN}", line)
        return _URL_PASSWORD.sub(rf"\1{_HIDDEN}\2", line)


def _text(parts: dict[str, Any]) -> str:
    rest = dict(parts)
    head = f"{rest.pop('time')} {rest.pop('level'):7} {rest.pop('logger')}: {rest.pop('message')}"
    traceback = rest.pop("traceback", "")
    line = " ".join([head, *(f"{name}={value}" for name, value in rest.items())])
    # A logged value cannot start a line of its own, so nobody writes a false record through one.
    line = line.replace("\r", "\\r").replace("\n", "\\n")
    return f"{line}\n{textwrap.indent(traceback, '    ')}" if traceback else line


def _secrets(settings: Settings) -> list[str]:
    found = [settings.secret_key or "", settings.decomposition_api_key or ""]
    for url in (settings.database_url, settings.redis_url, settings.decomposition_base_url):
        password = urlsplit(url or "").password or ""
        found += [password, unquote(password)]
    # Shorter ones are hidden where they stand in a URL; elsewhere they would blot out words.
    return sorted(
        {secret for secret in found if len(secret) >= _LEAST_LENGTH}, key=len, reverse=True
    )
