"""The encoding of events and the chain of their hashes."""

import datetime as dt
import hashlib
import json

from app.domain.events import FIRST_HASH, Event, EventType, chain, parse_event, seal
from tests.executions import NOON


def event(seq: int = 1, **fields: object) -> Event:
    given: dict[str, object] = {"message": "Grüße", **fields}
    return Event(
        seq=seq,
        event_id=f"evt_1.{seq}",
        event_type=EventType.NOTE,
        execution_id="exec_1",
        recorded_at=NOON,
        actor="system",
        status="RUNNING",
        **given,  # pyright: ignore[reportArgumentType]
    )


def test_each_hash_is_over_the_one_before_and_the_stored_bytes() -> None:
    sealed = seal([event(1), event(2), event(3)], FIRST_HASH)
    previous = "0" * 64
    for one in sealed:
        assert one.hash == hashlib.sha256(previous.encode() + one.body).hexdigest()
        assert one.hash == chain(previous, one.body)
        previous = one.hash


def test_a_chain_goes_on_where_it_was_left() -> None:
    at_once = seal([event(1), event(2)], FIRST_HASH)
    first = seal([event(1)], FIRST_HASH)
    assert seal([event(2)], first[-1].hash) == at_once[1:]
    assert seal([], FIRST_HASH) == []


def test_a_changed_word_breaks_every_hash_behind_it() -> None:
    honest = seal([event(1), event(2)], FIRST_HASH)
    forged = seal([event(1, message="Gruesse"), event(2)], FIRST_HASH)
    assert all(a.hash != b.hash for a, b in zip(honest, forged, strict=True))


def test_the_body_is_sorted_json_without_absent_fields() -> None:
    (sealed,) = seal([event(output_data={"b": 1, "a": None})], FIRST_HASH)
    assert (
        sealed.body
        == json.dumps(
            {
                "actor": "system",
                "event_id": "evt_1.1",
                "event_type": "note",
                "execution_id": "exec_1",
                "message": "Grüße",
                "output_data": {"a": None, "b": 1},
                "recorded_at": "2026-11-22T12:00:00Z",
                "seq": 1,
                "status": "RUNNING",
            },
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
    )


def test_a_body_decodes_to_its_event() -> None:
    whole = event(
        output_data=[1, "two", {"three": 3.5}],
        due_at=NOON + dt.timedelta(microseconds=1),
        agent_timestamp=NOON,
        suggestions=["rest"],
        data={"x": 1},
    )
    (sealed,) = seal([whole], FIRST_HASH)
    assert parse_event(sealed.body) == whole == sealed.event
