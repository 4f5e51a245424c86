"""What keeps a service from doing what was asked, though nothing is wrong with the request.

``LiveUnavailable`` and ``RecordUnavailable`` mean that a server does not answer; ``Contended``
that others were faster each time; ``ModelBusy`` that the model may answer later. All of them:
nothing was changed, try again.
"""

from app.live.errors import Contended as Busy
from app.live.errors import LiveUnavailable
from app.record.errors import RecordUnavailable
from decomposer.errors import ModelBusy

__all__ = ["Busy", "LiveUnavailable", "ModelBusy", "RecordUnavailable"]
