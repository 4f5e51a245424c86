"""Readers: one module per format, one that tells the formats apart.

========================  ======================================================================
``source``                what is read, and how much of it at most
``detect``                tells by content what it is, and hands it to its reader
``archive``, ``folder``   get at the files of a PlanExe run, by the stems in ``names``
``document``              tells JSON documents apart
``run``                   a PlanExe run as a plan, from its files
``levels``, ``tree``      its structure: from WBS levels 1 to 3, or from the merged tree
``report``                its ``report.html`` alone: ``schedule`` out of a ``literal``
``csv_file``              its CSV, and tables of tasks: ``table``, by their ``columns``
``prose``, ``markdown``   Markdown and text with lists
``written``, ``remarks``  what people write: entries, labels, "(3 days)", "after 1.2"
``structured``            the structured JSON of the interface ("Plan in")
``steps``                 the order of subtasks, where that JSON states one
``outline``, ``ids``      structure on the way to a plan: items, and the id of each
``assemble``              an outline as a plan
``index``, ``closest``    what a reference stands for, and what a dangling one may have meant
``edges``                 stated dependencies as task prerequisites
``durations``             days as estimates
``background``            what comes along: goal, risks, team, documents, gates
``oddities``, ``checks``  what is told, and what is refused, once the plan is whole
``shapes``, ``findings``  JSON of an expected shape; faults and warnings as they are found
========================  ======================================================================
"""

from app.domain.plan import Plan
from decomposer.readers.detect import detect
from decomposer.readers.source import PlanSource, ReadLimits

__all__ = ["PlanSource", "ReadLimits", "read_plan"]


def read_plan(source: PlanSource, limits: ReadLimits, plan_id: str) -> Plan:
    """Read a plan in whatever known format its content is.

    Args:
        source: A folder, a file, an upload or a parsed document.
        limits: How much is read at most; also the working hours in a day.
        plan_id: The id of the plan where the source brings none of its own.

    Raises:
        InvalidPlan: Nothing can be stored. ``faults`` name every place; show them to the sender.
    """
    return detect(source, limits)(source, limits, plan_id)
