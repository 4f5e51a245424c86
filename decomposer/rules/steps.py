"""An item as subtasks: a rule's steps, filled with what the item names."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from app.domain.plan import Assignee, Source, Subtask
from decomposer.rules.catalogue import PERFORM_TASK, Action, Catalogue
from decomposer.rules.reading import Item, Reading
from decomposer.rules.rulebook import Duty, StepTemplate
from decomposer.rules.templates import fill
from decomposer.strategy import Defaults

LONGEST_TITLE: Final = 300


class Draft(msgspec.Struct, frozen=True):
    """A step before it has an id and knows what it waits for."""

    title: str
    description: str
    action: str
    params: dict[str, Any]
    reasons: list[str]
    success_criteria: list[str] = []
    timeout_hours: float | None = None
    requires_approval: bool = False


def drafts_of(item: Item, reading: Reading, catalogue: Catalogue) -> list[Draft]:
    """Turn a read item into steps: at least one."""
    if reading.instead:
        drafts = [_persons(item, reading.values, reading.instead, item.title, catalogue)]
    else:
        drafts = _of_rule(item, reading, catalogue)
    if reading.besides:
        title = reading.clause
        drafts.append(_persons(item, reading.values, reading.besides, title, catalogue))
    return drafts


def _of_rule(item: Item, reading: Reading, catalogue: Catalogue) -> list[Draft]:
    match = reading.match
    if match is None:
        told = "not in English: no rule was tried" if reading.foreign else "no rule begins like it"
        step = StepTemplate(PERFORM_TASK)
        return [_draft(item, reading.values, step, f"{PERFORM_TASK}: {told}", catalogue)]
    rule = match.rule
    because = f"by the rule {rule.kind}/{rule.name}"
    return [
        _draft(item, reading.values, step, f"{step.action}: {because}", catalogue)
        for step in rule.steps
    ]


def _draft(
    item: Item, values: Mapping[str, Any], step: StepTemplate, reason: str, catalogue: Catalogue
) -> Draft:
    action = catalogue.get(step.action)
    title = fill(step.title, values) if step.title else None
    return Draft(
        title=(title or item.title)[:LONGEST_TITLE],
        description=fill(step.description, values) or item.description,
        action=step.action,
        params=_params(step, values, action) if action else {},
        reasons=[reason],
        success_criteria=[fill(one, values) or one for one in step.success_criteria],
        timeout_hours=step.timeout_hours,
        requires_approval=step.requires_approval,
    )


def _persons(
    item: Item, values: Mapping[str, Any], duty: Duty, title: str, catalogue: Catalogue
) -> Draft:
    step = StepTemplate(duty.action)
    reason = f"{duty.action}: only a person can, for it says {duty.words!r}"
    drafted = _draft(item, values, step, reason, catalogue)
    return msgspec.structs.replace(drafted, title=title[:1].upper() + title[1:LONGEST_TITLE])


def _params(step: StepTemplate, values: Mapping[str, Any], action: Action) -> dict[str, Any]:
    """Fill the params: as the rule says, and what it leaves open from what the catalogue says."""
    found: dict[str, Any] = {}
    for name, param in action.params.items():
        if name in step.params:
            given = step.params[name]
            value = fill(given, values) if isinstance(given, str) else given
        else:
            value = next((values[one] for one in param.sources if values.get(one)), None)
        if value is not None:
            found[name] = _typed(value, param.type)
    return found


def _typed(value: Any, kind: str) -> Any:
    """Make text of a whole number one, where a number is wanted."""
    is_number = kind == "integer" and isinstance(value, str) and value.isascii()
    return int(value) if is_number and value.isdigit() and len(value) < 16 else value  # noqa: PLR2004


def subtask_of(
    draft: Draft,
    subtask_id: str,
    dependencies: Sequence[str],
    source: Source,
    catalogue: Catalogue,
    defaults: Defaults,
) -> Subtask:
    """Give a step its id, its place in the order, and what the settings and the catalogue say."""
    action = catalogue.get(draft.action)
    who = action.who if action else Assignee.AGENT
    risky = bool(action and action.approval and who is Assignee.AGENT)
    reasons = [*draft.reasons]
    if risky:
        reasons.append(f"approval: what {draft.action} does cannot be taken back")
    usual = action.timeout_hours if action else None
    return Subtask(
        subtask_id=subtask_id,
        title=draft.title,
        action=draft.action,
        description=draft.description,
        params=draft.params,
        dependencies=list(dependencies),
        timeout_hours=draft.timeout_hours or usual or defaults.timeout_hours,
        retry_policy=defaults.retry_policy,
        success_criteria=draft.success_criteria,
        requires_approval=risky or draft.requires_approval,
        assignee=who,
        source=source,
        reasons=reasons,
    )
