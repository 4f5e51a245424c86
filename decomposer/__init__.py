"""From a file that holds a plan to subtasks an agent can perform.

The way: ``readers.read_plan`` looks at the content of a ``PlanSource``, picks the reader of its
format and answers a ``Plan`` with phases, tasks, written subtasks, edges and warnings, or raises
``InvalidPlan`` with every fault. ``rules.decompose`` then turns one task of that plan into a
``Breakdown``: executable subtasks with a confidence and its reasons (``confidence``).

Knows no web framework, no Redis and no database: bytes go in, values come out.
"""
