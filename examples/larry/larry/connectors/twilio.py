"""Twilio's REST API as a telephone."""

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import Any, Final
from xml.etree import ElementTree as ET

import httpx

from larry.connectors.http import Http
from larry.notebook import Notebook
from larry.ports import Call, Refused
from larry.settings import Settings

_PAGE: Final = "twilio calls"
_STATUS: Final = {"initiated": "queued", "canceled": "failed"}
_RINGS_SECONDS: Final = 30
_RECORDED_SECONDS: Final = 120
_CLOCKS_APART: Final = dt.timedelta(minutes=5)
_LONGEST_SCRIPT: Final = 3_000


class TwilioTelephone:
    """Calls that read a script out and record what is answered. https://www.twilio.com/docs/voice/api.

    Twilio knows no idempotency key. The wish to call is noted before the call, so where an answer
    was lost the call is looked for among those made to that number since.
    """

    def __init__(
        self, settings: Settings, notebook: Notebook, transport: httpx.BaseTransport | None = None
    ) -> None:
        auth = (settings.twilio_account, settings.twilio_token)
        self._http = Http(settings.twilio_url, {}, "Twilio", auth, transport)
        self._account = f"/2010-04-01/Accounts/{settings.twilio_account}"
        self._from = settings.twilio_from
        self._url = settings.twilio_url
        self._notebook = notebook

    def dial(self, to: str, script: str, key: str) -> Call:
        """Begin a call that speaks a script; the same ``key`` gives the same call again."""
        noted = self._notebook.get(_PAGE, key)
        if noted is None:
            noted = {"wished_at": dt.datetime.now(dt.UTC).isoformat(), "call_id": ""}
            self._notebook.put(_PAGE, key, noted)
            found = None
        else:
            found = {"sid": noted["call_id"]} if noted["call_id"] else self._made(to, noted)
        made = found or self._create(to, script)
        self._notebook.put(_PAGE, key, {**noted, "call_id": made["sid"]})
        return self.look(made["sid"])

    def look(self, call_id: str) -> Call:
        """Look how far a call has come.

        A completed one counts as under way until what was recorded is written down.
        """
        told = self._http.json("GET", f"{self._account}/Calls/{call_id}.json")
        status = _STATUS.get(told["status"]) or str(told["status"])
        call = Call(call_id, told.get("to", ""), status, int(told.get("duration") or 0))
        return self._heard(call) if status == "completed" else call

    def _create(self, to: str, script: str) -> dict[str, Any]:
        body = {"To": to, "From": self._from, "Twiml": _twiml(script), "Timeout": _RINGS_SECONDS}
        return self._http.json("POST", f"{self._account}/Calls.json", data=body)

    def _made(self, to: str, noted: dict[str, Any]) -> dict[str, Any] | None:
        """Find the call whose answer was lost, the oldest since it was wished for."""
        since = dt.datetime.fromisoformat(noted["wished_at"]) - _CLOCKS_APART
        asked = {"To": to, "From": self._from, "StartTime>": since.date().isoformat()}
        told = self._http.json("GET", f"{self._account}/Calls.json", params=asked)
        others = {one["call_id"] for one in self._notebook.page(_PAGE).values()}
        calls = [one for one in told.get("calls") or [] if one["sid"] not in others]
        found = [one for one in calls if _created_at(one) >= since]
        return min(found, key=_created_at, default=None)

    def _heard(self, call: Call) -> Call:
        told = self._http.json("GET", f"{self._account}/Calls/{call.call_id}/Recordings.json")
        recordings = told.get("recordings") or []
        if not recordings:
            return call
        sid = recordings[0]["sid"]
        written = self._http.json("GET", f"{self._account}/Recordings/{sid}/Transcriptions.json")
        transcripts = written.get("transcriptions") or []
        busy = recordings[0].get("status") == "processing"
        if busy or any(one.get("status") == "in-progress" for one in transcripts):
            return Call(call.call_id, call.to, "in-progress", call.duration_seconds)
        text = "\n".join(one.get("transcription_text") or "" for one in transcripts)
        url = f"{self._url}{self._account}/Recordings/{sid}.mp3"
        return Call(call.call_id, call.to, call.status, call.duration_seconds, text, url)


def _twiml(script: str) -> str:
    if len(script) > _LONGEST_SCRIPT:
        raise Refused(f"the script has {len(script)} characters; a call takes {_LONGEST_SCRIPT}")
    response = ET.Element("Response")
    ET.SubElement(response, "Say").text = script
    kept = {"maxLength": str(_RECORDED_SECONDS), "transcribe": "true", "playBeep": "false"}
    ET.SubElement(response, "Record", kept)
    return ET.tostring(response, encoding="unicode")


def _created_at(call: dict[str, Any]) -> dt.datetime:
    try:
        return parsedate_to_datetime(call.get("date_created") or "")
    except (TypeError, ValueError):
        return dt.datetime.min.replace(tzinfo=dt.UTC)
