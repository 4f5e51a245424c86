"""Writes the examples of ``docs/decomposition.md``: run it as a module to renew the page."""

from pathlib import Path
from typing import Final

from app.domain.plan import Breakdown, Estimate, Phase, Plan, Subtask, Task, WrittenSubtask
from decomposer.breakdown import decompose_plan

PAGE: Final = Path(__file__).parents[3] / "docs" / "decomposition.md"
BEGIN: Final = "<!-- examples -->\n"
END: Final = "<!-- /examples -->"


def _plan(title: str, goal: str, task: Task) -> Plan:
    return Plan("plan_1", title, [Phase("phase_1", "Begin", [task])], goal=goal)


PLANS: Final = [
    _plan(
        "Find pilot customers for the kennel software",
        "Ten breeders try the software: leads, outreach, demos, quotes",
        Task(
            "leads",
            "Find who would try it",
            estimate=Estimate(realistic_hours=40),
            written_subtasks=[
                WrittenSubtask(
                    "list",
                    "Find 50+ dog breeders in Texas",
                    "Keep at least 50 breeders in Texas with name, town and email in leads.csv.",
                ),
                WrittenSubtask("carol", "Interview Carol about her workflow"),
                WrittenSubtask(
                    "quote", "Send a quote to Carol", "The pilot costs $500 for 3 months."
                ),
            ],
        ),
    ),
    _plan(
        "Buy a kiln for the workshop",
        "A kiln is ordered from a supplier, delivered and inspected",
        Task(
            "kiln",
            "Procure the kiln",
            estimate=Estimate(realistic_hours=120),
            written_subtasks=[
                WrittenSubtask("who", "Identify suppliers of electric kilns", "Within 500 km."),
                WrittenSubtask("ask", "Obtain quotes from the suppliers and negotiate terms"),
                WrittenSubtask(
                    "pay", "Pay the deposit", "Transfer $2,500 to the supplier by March 3, 2026."
                ),
            ],
        ),
    ),
    _plan(
        "Learn how well people sleep in trains",
        "A study with data of participants, ethics approval and a published paper",
        Task(
            "study",
            "Run the study",
            description="Make sure that no participant is woken. Frobnicate the recorder.",
            estimate=Estimate(realistic_hours=640),
            written_subtasks=[
                WrittenSubtask("read", "Conduct a literature review on sleep in trains"),
                WrittenSubtask("ethics", "Obtain ethics approval"),
                WrittenSubtask("calm", "Address concerns", "As appropriate."),
            ],
        ),
    ),
]


def examples() -> str:
    """Write the examples as Markdown."""
    return "\n".join(_example(plan) for plan in PLANS)


def renewed(page: str) -> str:
    """Put the examples into a page."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{examples()}\n{END}{rest.partition(END)[2]}"


def _example(plan: Plan) -> str:
    (task,) = plan.tasks
    (found,) = decompose_plan(plan, 0.8)
    review = ", so a person looks at it first" if found.needs_review else ""
    lines = [
        f"### {plan.title}",
        "",
        f"{found.notes} Task: {task.title}. Confidence {found.confidence:.2f}{review}.",
        "",
        "| written | step | action | who | params |",
        "|---|---|---|---|---|",
        *(_row(step, task) for step in found.subtasks),
        "",
        *_reasons(found),
        "",
    ]
    return "\n".join(lines)


def _row(step: Subtask, task: Task) -> str:
    titles = {item.subtask_id: item.title for item in task.written_subtasks}
    written = titles[step.source.subtask_id or ""] if step.source else ""
    params = ", ".join(f"{name}: {value}" for name, value in step.params.items() if value)
    approval = ", after approval" if step.requires_approval else ""
    cells = (written, step.title, f"`{step.action}`", f"{step.assignee}{approval}", params)
    return f"| {' | '.join(cells)} |"


def _reasons(found: Breakdown) -> list[str]:
    told = [f"- {reason}" for reason in found.confidence_reasons]
    told += [f"- no step serves: {sentence!r}" for sentence in found.uncovered]
    for step in found.subtasks:
        told += [f"- {reason}" for reason in step.reasons if "only a person" in reason]
    return told


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
