"""A ``report.html`` alone: the schedule it embeds, and the verdict it shows."""

import re
from typing import NoReturn, cast

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import Gates, Plan
from decomposer.readers.assemble import REFUSAL, assemble
from decomposer.readers.background import Background
from decomposer.readers.findings import Findings
from decomposer.readers.literal import literal_as_json
from decomposer.readers.outline import Outline
from decomposer.readers.schedule import WHERE, outline_from_schedule
from decomposer.readers.shapes import decode_json, decode_text
from decomposer.readers.source import PlanSource, ReadLimits

_SCHEDULE = re.compile(
    r"\b(?:gantt_data(?:_dhtmlx)?\s*+=|gantt\.parse\s*+\()\s*+(?=[\[{])", re.IGNORECASE
)
_REDLINE = re.compile(r"<h2>\s*+Redline Gate\s*+</h2>", re.IGNORECASE)
_VERDICT = re.compile(r"Verdict:?\s*+</strong>:?([^<]{0,100})", re.IGNORECASE)
_VERDICTS = ("REFUSE", "ALLOW_WITH_SAFETY_FRAMING", "ALLOW")
_SECTION_LENGTH = 4_000
_INSTEAD = "Send the run as a folder or zip, or its wbs_project_level1_and_level2_and_level3.json"


def read_report(source: PlanSource, limits: ReadLimits, plan_id: str) -> Plan:
    """Read a report.

    Raises:
        InvalidPlan: It embeds no schedule, a broken one, or one without phases and tasks.
    """
    findings = Findings()
    data = source.data or b""
    outline = outline_from_report(data, source.name, limits, findings)
    findings.settle(REFUSAL)
    outline = cast("Outline", outline)
    if not outline.title.strip():
        outline.title = "Untitled plan"
        findings.warn("missing-title", "The plan has no title.", WHERE, "", outline.title)
    background = Background(
        gates=Gates(redline=redline_of(decode_text(data, source.name), findings))
    )
    message = "A report holds no risks, team, documents or go/no-go line that can be read."
    findings.warn("missing-context", message, source.name, "", "import the whole run")
    return assemble(outline, background, plan_id, "planexe-report", limits, findings)


def outline_from_report(
    data: bytes, name: str, limits: ReadLimits, findings: Findings
) -> Outline | None:
    """Read the schedule a page embeds; None, with faults noted, where its shape is wrong.

    Raises:
        InvalidPlan: There is none, or it is no data.
    """
    text = decode_text(data, name)
    found = _SCHEDULE.search(text)
    if found is None:
        _refuse_page(name, text)
    spelled = literal_as_json(text, found.end(), name)
    document = decode_json(spelled.encode("utf-8", "surrogatepass"), WHERE, findings)
    if isinstance(document, list):
        document = {"tasks": document}
    return outline_from_schedule(document, limits.hours_per_day, findings)


def redline_of(text: str, findings: Findings) -> str | None:
    """Read the redline verdict; a section that cannot be read must not look like none at all."""
    section = _REDLINE.search(text)
    if section is None:
        return None
    found = _VERDICT.search(text, section.end(), section.end() + _SECTION_LENGTH)
    told = found[1].strip() if found else ""
    words = re.sub(r"[^A-Z]+", "_", told.upper())
    verdict = next((one for one in _VERDICTS if one in words), None)
    if verdict is None:
        message = "The report has a redline section and no verdict that is known."
        findings.warn("silent-gate", message, "report: Redline Gate", told)
    return verdict or told or None


def _refuse_page(name: str, text: str) -> NoReturn:
    what = "a PlanExe report" if "planexe" in text.casefold() else "an HTML page"
    cut = "" if "</html>" in text.casefold() else "; it also has no end, as if cut short"
    message = f"is {what} without a work breakdown in it (no {WHERE}){cut}"
    raise InvalidPlan(f"{name} {message}. {_INSTEAD}.", [Fault(name, message)])
