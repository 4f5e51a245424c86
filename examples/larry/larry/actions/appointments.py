"""Appointments: iCalendar invitations by mail."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from icalendar import Calendar, Event, vCalAddress, vText
from planexe_agent import NeedsHuman, Task

from larry.people import Contact
from larry.ports import Attachment, Message
from larry.reading import appointment
from larry.tools import Result, Tools, answer_of_person, count_of, gathered, identity

_PAGE: Final = "invitations"
_MINUTES: Final = 60
_FILE: Final = "invitation.ics"
_TYPE: Final = "text/calendar; method=REQUEST; charset=utf-8"


class Appointments:
    """The action of a calendar."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def schedule_calendar_event(
        self,
        task: Task,
        event: str = "",
        attendees: str = "",
        when: str = "",
        where: str = "",
        minutes: int | str = _MINUTES,
    ) -> Result:
        """Put an appointment into the calendars of those who take part: invite them by mail.

        Where several have proposed times of their own, each gets an appointment.
        """
        guests = self._guests(task, attendees)
        minutes = count_of(minutes, _MINUTES)
        own = {} if when or answer_of_person(task) else self._proposed(task, guests)
        if len(own) < len(guests) or len(guests) == 1:
            return self._appoint(task, event, guests, self._time(task, when), where, minutes)
        made = [
            self._appoint(task, event, [guest], own[guest.email], where, minutes, guest.email)
            for guest in guests
        ]
        links = [link for one in made for link in one["evidence"]]
        return {"appointments": made, "invited": [one.email for one in guests], "evidence": links}

    def _appoint(
        self,
        task: Task,
        event: str,
        guests: Sequence[Contact],
        starts_at: dt.datetime,
        where: str,
        minutes: int,
        *parts: str,
    ) -> Result:
        uid = f"{identity(task, 'appointment', *parts)}"
        uid += f"@{_domain(self._tools.settings.sender_address)}"
        sequence = self._sequence(uid, starts_at)
        content = self._invitation(
            event or task.title, guests, starts_at, minutes, where, uid, sequence
        )
        link = self._tools.write(task, f"{uid.partition('@')[0]}.ics", content)
        for guest in guests:
            self._send(task, event or task.title, guest, content, sequence)
        told = {"event": event or task.title, "starts_at": starts_at.isoformat(), "uid": uid}
        return {**told, "invited": [guest.email for guest in guests], "evidence": [link]}

    def _guests(self, task: Task, attendees: str) -> Sequence[Contact]:
        people = self._tools.people(task)
        found = people.find(attendees, "email") or people.find(answer_of_person(task), "email")
        if not found:
            raise NeedsHuman(f"Which address has {attendees or 'whoever takes part'}?")
        return found

    def _time(self, task: Task, when: str) -> dt.datetime:
        """Find the time: what a person said, else the plan, else what a reply proposes."""
        replies = [str(reply.get("text", "")) for reply in gathered(task, "replies")]
        for text in (answer_of_person(task), when, *reversed(replies)):
            found = appointment(text, self._tools.now()) if text else None
            if found:
                return found
        raise NeedsHuman("When is it? A date and a time, please: 2026-12-03 14:00.")

    def _proposed(self, task: Task, guests: Sequence[Contact]) -> dict[str, dt.datetime]:
        """Find the times that the guests themselves have proposed in their replies."""
        replies = {str(one.get("name")): str(one.get("text")) for one in gathered(task, "replies")}
        times = {
            one.email: appointment(replies.get(one.name, ""), self._tools.now()) for one in guests
        }
        return {email: at for email, at in times.items() if at is not None}

    def _sequence(self, uid: str, starts_at: dt.datetime) -> int:
        """Count the invitations: calendars take a changed one only with a higher number."""
        kept = self._tools.notebook.get(_PAGE, uid)
        if kept is None:
            sequence = 0
        else:
            changed = kept["starts_at"] != starts_at.isoformat()
            sequence = int(kept["sequence"]) + changed
        self._tools.notebook.put(
            _PAGE, uid, {"starts_at": starts_at.isoformat(), "sequence": sequence}
        )
        return sequence

    def _invitation(
        self,
        title: str,
        guests: Sequence[Contact],
        starts_at: dt.datetime,
        minutes: int,
        where: str,
        uid: str,
        sequence: int,
    ) -> bytes:
        settings = self._tools.settings
        event = Event()
        event.add("uid", uid)
        event.add("sequence", sequence)
        event.add("dtstamp", self._tools.now().astimezone(dt.UTC))
        event.add("dtstart", starts_at.astimezone(dt.UTC))
        event.add("dtend", starts_at.astimezone(dt.UTC) + dt.timedelta(minutes=minutes))
        event.add("summary", title)
        if where:
            event.add("location", where)
        event["organizer"] = _calendar_address(settings.sender_name, settings.sender_address)
        for guest in guests:
            event.add("attendee", _calendar_address(guest.name, guest.email, guest=True))
        calendar = Calendar()
        calendar.add("prodid", "-//PlanExe-AX//Larry//EN")
        calendar.add("version", "2.0")
        calendar.add("method", "REQUEST")
        calendar.add_component(event)
        return calendar.to_ical()

    def _send(self, task: Task, title: str, guest: Contact, content: bytes, sequence: int) -> None:
        settings = self._tools.settings
        message_id = identity(task, "invitation", guest.email.lower(), str(sequence))
        self._tools.mail.send(
            Message(
                message_id=f"<{message_id}@{_domain(settings.sender_address)}>",
                sender=settings.sender_address,
                to=guest.email,
                subject=f"Invitation: {title}",
                body=f"Hello {guest.name},\n\nplease find the invitation enclosed: {title}.\n",
                attachments=[Attachment(_FILE, _TYPE, content)],
                sent_at=self._tools.now(),
            )
        )


def _calendar_address(name: str, email: str, *, guest: bool = False) -> vCalAddress:
    address = vCalAddress(f"MAILTO:{email}")
    address.params["CN"] = vText(name)
    if guest:
        address.params["ROLE"] = vText("REQ-PARTICIPANT")
        address.params["PARTSTAT"] = vText("NEEDS-ACTION")
        address.params["RSVP"] = vText("TRUE")
    return address


def _domain(address: str) -> str:
    return address.rpartition("@")[2] or "localhost"
