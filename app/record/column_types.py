"""Column types of our own: JSON documents of one shape, and times in UTC."""

import datetime as dt
from typing import Generic, TypeVar

import msgspec
from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")


class Document(TypeDecorator[T], Generic[T]):
    """A JSON document that is always of one shape, encoded and decoded by msgspec.

    The SQL type is ``json``, not ``jsonb``: it keeps the text as it was written, and it takes a
    NUL character inside a string, which ``jsonb`` refuses; one such result of an agent would
    otherwise hold up the whole log.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, shape: type[T]) -> None:
        self.shape = shape
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(shape)
        super().__init__()

    def process_bind_param(self, value: T | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        """Encode for the driver, which passes bytes on as they are."""
        return None if value is None else msgspec.json.encode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> T | None:  # noqa: ARG002
        """Decode what the driver read."""
        return None if value is None else self._decoder.decode(value)


class UtcTime(TypeDecorator[dt.datetime]):
    """A ``timestamptz`` that comes back in UTC, whatever time zone the server is set to."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(
        self,
        value: dt.datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> dt.datetime | None:
        """Turn the session's time zone into UTC."""
        return None if value is None else value.astimezone(dt.UTC)


class RawJson(TypeDecorator[bytes]):
    """A ``json`` text that is kept and given back byte for byte."""

    impl = JSON
    cache_ok = True
