"""How much one request may bring."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Ceilings of requests.

    ``body_bytes`` holds for uploads, ``json_bytes`` for all else, ``file_bytes`` for one file.
    """

    body_bytes: int
    json_bytes: int
    file_bytes: int
    events_per_batch: int
    wait_seconds: int
