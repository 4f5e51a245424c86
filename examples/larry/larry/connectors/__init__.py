"""The real connectors: Larry's ports, served by mailboxes, telephones and directories."""

from larry.connectors.brave import BraveSearch
from larry.connectors.files import FilePlaces, FileSearch
from larry.connectors.google_places import GooglePlaces
from larry.connectors.mailbox import Mailbox
from larry.connectors.twilio import TwilioTelephone

__all__ = [
    "BraveSearch",
    "FilePlaces",
    "FileSearch",
    "GooglePlaces",
    "Mailbox",
    "TwilioTelephone",
]
