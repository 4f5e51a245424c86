"""Loads the Lua scripts and turns what they return into errors, in one place."""

import contextlib
import pathlib
from collections.abc import Generator, Sequence
from typing import Any, Final

import redis
from redis.commands.core import Script
from redis.exceptions import ClusterDownError

from app.live.errors import AtCapacity, LiveUnavailable

_FOLDER: Final = pathlib.Path(__file__).with_name("scripts")

CONFLICT: Final = -1
NO_ROOM: Final = -2
NOT_DUE: Final = -3

# redis-py cuts the leading word off the answers it has a class for, and puts words of its own
# before those that come out of a pipeline.
_UNAVAILABLE: Final = (redis.OutOfMemoryError, redis.ReadOnlyError, ClusterDownError)
_NO_WRITES: Final = ("MISCONF", "NOREPLICAS")


@contextlib.contextmanager
def translated() -> Generator[None]:
    """Raise ``LiveUnavailable`` for what Redis or the way to it refuses."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise LiveUnavailable("Redis does not answer.") from error
    except redis.ResponseError as error:
        if isinstance(error, _UNAVAILABLE) or any(word in str(error) for word in _NO_WRITES):
            raise LiveUnavailable(f"Redis takes no writes: {error}") from error
        raise


class Scripts:
    """The scripts of one client; each is sent once and then called by its digest."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._scripts: dict[str, Script] = {
            path.stem: client.register_script(path.read_text()) for path in _FOLDER.glob("*.lua")
        }

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> int:
        """Run a script in one round trip and give its code.

        Raises:
            AtCapacity: The agent has no room for another lease.
            LiveUnavailable: Redis does not answer; nothing was changed, or the answer was lost.
        """
        with translated():
            code: int = self._scripts[name](keys=keys, args=args)
        if code == NO_ROOM:
            raise AtCapacity("The agent holds as many leases as it may.")
        return code
