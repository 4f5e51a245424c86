"""From a file that holds a plan to subtasks an agent can perform.

The way: ``readers.read_plan`` looks at the content of a ``PlanSource``, picks the reader of its
format and answers a ``Plan`` with phases, tasks, written subtasks, edges and warnings, or raises
``InvalidPlan`` with every fault. A ``strategy`` (``rules`` is the one without a model) proposes
subtasks for one task of that plan; ``breakdown`` matches them with agents and makes a
``Breakdown`` with its ``confidence``, its ``coverage`` and warnings (``instructions``).
``calibration`` holds confidence against what came of it.

Knows no web framework, no Redis and no database: bytes go in, values come out.
"""
