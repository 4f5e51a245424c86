"""What keeps a service from doing what was asked, though nothing is wrong with the request.

``LiveUnavailable`` and ``RecordUnavailable`` mean that a server does not answer; ``Contended``
that others were faster each time. Of these: nothing was changed, try again. ``NotConfigured``
means that trying again changes nothing.
"""

from app.live.errors import Contended as Busy
from app.live.errors import LiveUnavailable
from app.record.errors import RecordUnavailable

__all__ = ["Busy", "LiveUnavailable", "NotConfigured", "RecordUnavailable"]


class NotConfigured(Exception):
    """This installation lacks what the request needs; an operator can set it up."""
