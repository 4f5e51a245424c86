"""Larry's actions with simulated twins, without a server."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from larry import settings
from larry.actions import all_actions
from larry.agent import tools
from larry.ports import Answer, Call, Hit, Message, Place
from larry.simulated import Pace, SimulatedMail, SimulatedTelephone
from planexe_agent import Task

CAROL = Place(
    "p1", "Cloud Alpacas", "1 Lane", "Bend", "+15550101", "carol@cloud.example",
    extra={"contact": "Carol Campion", "animals": "alpaca"},
)  # fmt: skip
MARIE = Place(
    "p2", "Marie's Llamas", "2 Lane", "Bend", "+15550102", "marie@llamas.example",
    extra={"contact": "Marie Dupont", "animals": "llama"},
)  # fmt: skip
JOHN = Place(
    "p3", "Goat Hill", "3 Lane", "Salem", "+15550103", "john@goats.example",
    extra={"contact": "John Fox", "animals": "goat"},
)  # fmt: skip


class Town:
    """A world of three breeders; it keeps the letters and calls it got."""

    def __init__(self) -> None:
        self.letters: list[Message] = []
        self.scripts: list[str] = []
        self.answers: dict[str, str] = {}
        self.transcripts: dict[str, str] = {}

    def written_to(self, message: Message) -> Sequence[Answer]:
        self.letters.append(message)
        answer = self.answers.get(message.to)
        return [Answer(answer, 600)] if answer else []

    def called(self, to: str, script: str) -> Call:
        self.scripts.append(script)
        said = self.transcripts.get(to, "")
        return Call("", to, "completed" if said else "no-answer", 60, said)

    def places(self, query: str, near: str) -> Sequence[Place]:
        return [one for one in (CAROL, MARIE, JOHN) if near in ("", one.town)]

    def pages(self, query: str) -> Sequence[Hit]:
        return [Hit("Breeders", "https://breeders.example/", "A list")]


class QuietTask(Task):
    """A task without a server behind it."""

    def progress(self, percent: float, message: str | None = None) -> None:
        assert 0 <= percent <= 100
        assert message


@dataclass
class Larry:
    """Larry in a town, with a clock that is turned by hand."""

    folder: Path
    town: Town = field(default_factory=Town)
    now: float = 1_800_000_000.0
    results: dict[str, Any] = field(default_factory=dict)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start Larry, as if for the first time or after a fall."""
        read = settings.read({"work_dir": str(self.folder), "speed": "10"}, environment={})
        made = tools(read, self.town)
        pace = Pace(read.speed, lambda: self.now)
        self.tools = replace(
            made,
            mail=SimulatedMail(self.town, made.notebook, pace),
            telephone=SimulatedTelephone(self.town, made.notebook, pace),
        )
        self.actions = all_actions(self.tools)

    def stop(self) -> None:
        """Stop Larry."""
        self.tools.notebook.close()

    def do(self, action: str, task_id: str = "", context: Any = None, **params: Any) -> Any:
        """Perform an action; its result is there for the next ones."""
        self.numbers += 1
        work = {
            "task_id": task_id or f"t{self.numbers}",
            "action": action,
            "title": action,
            "params": params,
            "context": {"prerequisite_results": dict(self.results), **(context or {})},
        }
        nobody: Any = None
        task = QuietTask(work, {"execution_id": "exec_1"}, nobody, 900)
        result = self.actions[action](task, **params)
        self.results[work["task_id"]] = result
        return result

    def file(self, name: str) -> Path:
        """Find a file of the work folder."""
        return self.folder / "exec-1" / name

    def rows(self, name: str = "PROSPECTS.csv") -> list[dict[str, str]]:
        """Read a table of the work folder."""
        from larry.folder import WorkFolder

        return WorkFolder(self.folder / "exec-1").rows(name)

    def find_everybody(self) -> None:
        """Search, and keep what was found in a table."""
        self.do("search_places", query="breeders")
        self.do("manage_csv", content="prospects", file="PROSPECTS.csv")
