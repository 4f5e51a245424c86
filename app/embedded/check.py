"""Makes sure that PostgreSQL and Redis answer, let us in, and are not too old."""

from typing import Final
from urllib.parse import urlsplit

import psycopg
import redis
from redis.exceptions import NoPermissionError

from app.embedded.errors import ServerError, ServerTooOld, ServerUnreachable, WrongCredentials

_OLDEST_POSTGRES: Final = 14
_OLDEST_REDIS: Final = (7, 0)
_SECONDS: Final = 5


def check_servers(database_url: str, redis_url: str) -> None:
    """Connect to both servers once.

    Raises:
        ServerUnreachable: Nothing answers; start the server or correct the URL.
        WrongCredentials: Correct user and password in the URL.
        ServerTooOld: Upgrade the server.
        ServerError: It refuses for another reason, which is given.
    """
    _check_postgres(database_url)
    _check_redis(redis_url)


def _check_postgres(url: str) -> None:
    name = f"PostgreSQL at {_place(url)} (DATABASE_URL)"
    try:
        with psycopg.connect(url, connect_timeout=_SECONDS) as connection:
            version = connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        raise _refusal(name, str(error).strip()) from error
    if version < _OLDEST_POSTGRES:
        raise ServerTooOld(f"{name} is version {version}; {_OLDEST_POSTGRES} or newer is needed.")


def _refusal(name: str, reason: str) -> ServerError:
    """Tell apart what libpq says only in words: a login has no error code there."""
    if "authentication failed" in reason or "no password supplied" in reason:
        return WrongCredentials(f"{name} refuses the user or the password: {reason}")
    if "FATAL:" in reason:
        return ServerError(f"{name} refuses the connection: {reason}")
    return ServerUnreachable(f"{name} cannot be reached: {reason}")


def _check_redis(url: str) -> None:
    name = f"Redis at {_place(url)} (REDIS_URL)"
    client = redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS, retry=None, protocol=2
    )
    try:
        with client:
            info = client.info("server")  # pyright: ignore[reportUnknownMemberType]
    except (redis.AuthenticationError, NoPermissionError) as error:
        raise WrongCredentials(f"{name} refuses the user or the password: {error}") from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise ServerUnreachable(f"{name} cannot be reached: {error}") from error
    except redis.RedisError as error:
        raise ServerError(f"{name} refuses the connection: {error}") from error
    # Valkey tells here the version of Redis whose commands it has.
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_REDIS:
        raise ServerTooOld(f"{name} is version {version}; 7.0 or newer is needed.")


def _place(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path
