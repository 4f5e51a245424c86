"""Telephone calls."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from planexe_agent import NeedsHuman, Task, Wait

from larry.people import Contact, fill
from larry.ports import Call
from larry.reading import NO, YES, interest
from larry.tools import Result, Tools, answer_of_person, identity

_OVER: Final = frozenset({"completed", "busy", "no-answer", "failed"})
_LONGEST_NOTE: Final = 500


class Calls:
    """The action of a telephone."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def make_phone_call(
        self,
        task: Task,
        person: str = "",
        purpose: str = "",
        phone: str = "",
        script: str = "",
        among: Mapping[str, Any] | None = None,
    ) -> Result:
        """Call each of those who are meant and note what was said."""
        contacts = self._called(task, person, phone, among)
        text = script or _spoken(self._tools.settings.sender_name, purpose or task.title)
        calls = [self._call(task, contact, text) for contact in contacts]
        self._wait_for(contacts, calls)
        told = [self._told(task, *each) for each in zip(contacts, calls, strict=True)]
        reached = [one for one in told if one["status"] == "completed"]
        interested = [one for one in told if one["interested"] == YES]
        metrics = {"calls": len(told), "reached": len(reached), "interested": len(interested)}
        return {
            "calls": told,
            "interested": [one["name"] for one in interested],
            "metrics": metrics,
        }

    def _called(
        self, task: Task, person: str, phone: str, among: Mapping[str, Any] | None
    ) -> Sequence[Contact]:
        if phone:
            return [Contact(person or phone, phone=phone)]
        people = self._tools.people(task)
        found = people.find(person, "phone", among) if person or among else []
        found = found or people.find(answer_of_person(task), "phone")
        if not found:
            raise NeedsHuman(f"Which number has {person or 'the person to call'}?")
        return found

    def _call(self, task: Task, contact: Contact, text: str) -> Call:
        script = fill(text, contact.known)
        return self._tools.telephone.dial(
            contact.phone, script, identity(task, "call", contact.phone)
        )

    def _wait_for(self, contacts: Sequence[Contact], calls: Sequence[Call]) -> None:
        under_way = [
            contact.name
            for contact, call in zip(contacts, calls, strict=True)
            if call.status not in _OVER
        ]
        if under_way:
            look = self._tools.settings.call_look_seconds
            raise Wait(
                f"On the telephone with {', '.join(under_way)}.",
                retry_after_seconds=self._tools.real_seconds(look),
            )

    def _told(self, task: Task, contact: Contact, call: Call) -> Result:
        judged = interest(call.transcript) if call.status == "completed" else NO
        noted = {
            "call": call.status,
            "interested": judged,
            "call_notes": call.transcript[:_LONGEST_NOTE],
        }
        self._tools.people(task).note(contact, noted)
        found: Result = {
            "name": contact.name,
            "phone": contact.phone,
            "status": call.status,
            "interested": judged,
            "duration_seconds": call.duration_seconds,
            "transcript": call.transcript,
            "call_id": call.call_id,
        }
        return {**found, "recording_url": call.recording_url} if call.recording_url else found


def _spoken(name: str, purpose: str) -> str:
    return (
        f"Hello {{name}}, this is {name}. I am calling about this: {purpose.strip().rstrip('.')}."
    )
