"""What can go wrong in Redis.

LiveError
├── LiveUnavailable    Redis does not answer, or is full: try again later
│   └── Unconfirmed    it is done, but too few replicas have it: repeat it for an answer
├── Contended          others changed the execution on every one of many tries: try again
├── NotLive            Redis holds no such execution: ask the record
└── AtCapacity         the agent holds as many leases as it may
"""


class LiveError(Exception):
    """Base of all errors of this package."""


class LiveUnavailable(LiveError):
    """Redis does not answer or takes no writes; nothing was changed."""


class Unconfirmed(LiveUnavailable):
    """It was carried out, but too few replicas have it; repeated, it gets its answer later."""


class Contended(LiveError):
    """Others changed the execution each time; nothing was changed."""


class NotLive(LiveError):
    """Redis holds no such execution: it has ended, or never was."""


class AtCapacity(LiveError):
    """The agent holds as many leases as it may."""
