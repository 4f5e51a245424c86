"""Loads the Lua scripts and turns what they return into errors, in one place."""

import contextlib
import pathlib
from collections.abc import Generator, Sequence
from typing import Any, Final

import msgspec
import redis
from redis.client import Pipeline
from redis.exceptions import ClusterDownError, NoScriptError

from app.live.errors import AtCapacity, LiveUnavailable, Unconfirmed

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


class Confirmation(msgspec.Struct, frozen=True):
    """How many replicas must have a commit before its answer leaves, and how long they may take."""

    replicas: int = 0
    milliseconds: int = 1000


class Scripts:
    """The scripts of one client; each is sent once and then called by its digest."""

    def __init__(self, client: redis.Redis, confirmation: Confirmation | None = None) -> None:
        self._client = client
        self._confirmation = confirmation or Confirmation()
        texts = {path.stem: path.read_text() for path in _FOLDER.glob("*.lua")}
        self._scripts = {name: client.register_script(text) for name, text in texts.items()}

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> int:
        """Run a script in one round trip and give its code.

        Raises:
            AtCapacity: The agent has no room for another lease.
            LiveUnavailable: Redis does not answer; nothing was changed, or the answer was lost.
        """
        with translated():
            code: int = self._scripts[name](keys=keys, args=args)
        return _code(code)

    def commit(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> int:
        """Run a script whose answer is an acknowledgement: replicas are waited for, where asked.

        Raises:
            Unconfirmed: It was carried out, but too few replicas have it.
            AtCapacity: As ``run``.
            LiveUnavailable: As ``run``.
        """
        if not self._confirmation.replicas:
            return self.run(name, keys, args)
        with translated():
            try:
                code, confirmed = self._run_and_wait(name, keys, args)
            except NoScriptError:
                self._client.script_load(self._scripts[name].script)
                code, confirmed = self._run_and_wait(name, keys, args)
        if code > 0:
            self._require(confirmed)
        return _code(code)

    def confirm(self, key: str) -> None:
        """Wait until the replicas have what was committed before; nothing where none is asked for.

        Raises:
            Unconfirmed: Too few have it.
        """
        if not self._confirmation.replicas:
            return
        # WAIT means all that was written before the connection's last command.
        pipeline = self._client.pipeline(transaction=False)
        pipeline.exists(key)
        self._wait(pipeline)
        with translated():
            self._require(pipeline.execute()[1])

    def _run_and_wait(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> tuple[int, int]:
        pipeline = self._client.pipeline(transaction=False)
        pipeline.evalsha(self._scripts[name].sha, len(keys), *keys, *args)
        self._wait(pipeline)
        code, confirmed = pipeline.execute()
        return code, confirmed

    def _wait(self, pipeline: Pipeline) -> None:
        pipeline.wait(self._confirmation.replicas, self._confirmation.milliseconds)

    def _require(self, confirmed: int) -> None:
        wanted = self._confirmation.replicas
        if confirmed < wanted:
            told = f"{confirmed} of {wanted} replicas have it so far. Repeat the request."
            raise Unconfirmed(told)


def _code(code: int) -> int:
    if code == NO_ROOM:
        raise AtCapacity("The agent holds as many leases as it may.")
    return code
