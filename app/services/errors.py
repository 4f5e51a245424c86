"""What keeps a service from doing what was asked, though nothing is wrong with the request.

``LiveUnavailable`` and ``RecordUnavailable`` mean that a server does not answer; ``Contended``
that others were faster each time. All of them: nothing was changed, try again.
``Full`` means that Redis has too little room left for what was asked.
"""

from app.live.errors import Contended as Busy
from app.live.errors import LiveUnavailable
from app.record.errors import RecordUnavailable

__all__ = ["Busy", "Full", "LiveUnavailable", "RecordUnavailable"]


class Full(Exception):
    """Redis is nearly full; nothing was changed, try again later."""
