"""Interviews: the questions are Larry's, the talk is a person's."""

from collections.abc import Iterator, Sequence
from typing import Final

from planexe_agent import NeedsHuman, Task, Wait

from larry.folder import slug
from larry.paper import to_pdf
from larry.reading import interest
from larry.simulated.telephone import UNDER_WAY
from larry.tools import Result, Tools, answer_of_person, count_of, identity

_SAYS: Final = " says: "
_USUAL: Final = (
    "How do you do it today?",
    "What takes most of your time in it?",
    "What have you tried, and what became of it?",
    "What would be different if that were solved?",
    "Who else decides about it?",
    "What may it cost?",
    "By when do you need it?",
    "What would make you say no?",
    "What did I forget to ask?",
)


class Interviews:
    """The action that interviews."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def conduct_interview(
        self,
        task: Task,
        person: str = "",
        topic: str = "",
        questions: int | Sequence[str] | None = None,
        transcript: str = "",
    ) -> Result:
        """Ask somebody prepared questions and keep the answers.

        The questions are written down and a person is asked to hold the talk; its transcript comes
        as ``transcript`` or as the person's answer.
        """
        asked = list(_questions(topic or task.title, questions))
        said = transcript or answer_of_person(task) or self._heard(task, person, topic)
        name = f"interview-{slug(person or topic, 'questions')}"
        text = _text(person, topic, asked, said)
        links = [
            self._tools.write(task, f"{name}.md", text.encode()),
            self._tools.write(task, f"{name}.pdf", to_pdf(text)),
        ]
        if not said:
            where = links[1].get("url", links[1]["name"])
            numbered = "\n".join(f"{number}. {one}" for number, one in enumerate(asked, 1))
            raise NeedsHuman(
                f"Please talk to {person or 'the person'} and write down what was said.\n"
                f"{numbered}\nAlso as a file: {where}"
            )
        told: Result = {"person": person, "questions": asked, "transcript": said}
        told |= {"interested": interest(said), "evidence": links}
        return {**told, "metrics": {"interviews": max(1, said.count(_SAYS))}}

    def _heard(self, task: Task, person: str, topic: str) -> str:
        """Hear what people of the simulated world tell; empty in the real one."""
        settings = self._tools.settings
        if settings.interviewer != "simulated" or settings.telephone != "simulated":
            return ""
        guests = self._tools.people(task).find(person, "phone")
        talks = [
            self._tools.telephone.dial(
                one.phone, f"Interview about {topic}", identity(task, "interview", one.phone)
            )
            for one in guests
        ]
        if any(talk.status == UNDER_WAY for talk in talks):
            look = self._tools.real_seconds(settings.call_look_seconds)
            raise Wait(f"Talking to {', '.join(one.name for one in guests)}.", look)
        told = zip(guests, talks, strict=True)
        return "\n\n".join(f"{one.name}{_SAYS}{talk.transcript}" for one, talk in told)


def _questions(topic: str, questions: int | Sequence[str] | None) -> Iterator[str]:
    if isinstance(questions, list | tuple) and questions:
        yield from (str(one) for one in questions)
        return
    yield f"What does {topic} mean to you?"
    yield from _USUAL[: max(0, count_of(questions, 6) - 1)]


def _text(person: str, topic: str, questions: Sequence[str], said: str) -> str:
    listed = "\n".join(f"{number}. {one}" for number, one in enumerate(questions, 1))
    text = f"# Interview with {person or 'the person'}\n\n{topic}\n\n## Questions\n\n{listed}\n"
    return f"{text}\n## What was said\n\n{said}\n" if said else text
