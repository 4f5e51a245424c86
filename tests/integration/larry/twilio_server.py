"""The part of Twilio's REST API that Larry uses: https://www.twilio.com/docs/voice/api."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from .provider import Asked, Said

ACCOUNT = "AC" + "0" * 32
TOKEN = "t" * 32
_BASE = f"/2010-04-01/Accounts/{ACCOUNT}"


@dataclass
class Twilio:
    """Calls that go on until the test says how they end; by number dialled."""

    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    transcribing: bool = False

    def answer(self, asked: Asked) -> Said:
        """Answer one request."""
        if not asked.headers.get("authorization", "").startswith("Basic "):
            return Said(401, {"code": 20003, "message": "Authenticate"})
        path = unquote(asked.path).removeprefix(_BASE)
        if (asked.method, path) == ("POST", "/Calls.json"):
            return self._create(asked.body)
        if path == "/Calls.json":
            found = [one for one in self.calls.values() if one["to"] == asked.query["To"]]
            return Said(200, {"calls": found, "page": 0})
        return self._look(path)

    def _create(self, form: dict[str, str]) -> Said:
        if not form["To"].startswith("+"):
            told = f"The phone number you are attempting to call, {form['To']}, is not valid."
            return Said(400, {"code": 21211, "message": told, "status": 400})
        ET.fromstring(form["Twiml"])
        sid = f"CA{len(self.calls):032x}"
        self.calls[sid] = {
            "sid": sid,
            "to": form["To"],
            "from": form["From"],
            "status": "queued",
            "duration": None,
            "date_created": "Tue, 22 Nov 2044 10:00:00 +0000",
            "twiml": form["Twiml"],
        }
        return Said(201, self.calls[sid])

    def _look(self, path: str) -> Said:
        parts = path.removesuffix(".json").split("/")
        call = self.calls.get(parts[2].replace("RE", "CA"))
        if call is None:
            return Said(404, {"code": 20404, "message": f"{path} was not found", "status": 404})
        end = self.ends.get(call["to"], {"status": "initiated"})
        if len(parts) == 3:
            told = {key: value for key, value in end.items() if key != "transcript"}
            return Said(200, {**call, **told})
        recording = {"sid": parts[2].replace("CA", "RE"), "status": "completed"}
        if parts[3] == "Recordings":
            return Said(200, {"recordings": [recording] if "transcript" in end else []})
        status = "in-progress" if self.transcribing else "completed"
        text = None if self.transcribing else end["transcript"]
        return Said(200, {"transcriptions": [{"status": status, "transcription_text": text}]})
