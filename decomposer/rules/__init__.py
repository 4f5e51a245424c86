"""Breakdown by rules: the default, without a model.

==============  ================================================================================
``files``       rule files: found, read, checked
``catalogue``   actions: of whom they are asked, and their params
``patterns``    phrases: what a rule looks for
``rulebook``    all rules of a process
``kinds``       which kind of plan it is, by its words
``entities``    what a text names: people, dates, amounts …
``reading``     one item of a plan: its rule, and what only a person can do
``templates``   texts with gaps, filled from what an item names
``steps``       an item as subtasks
``strategy``    a task as a proposal
==============  ================================================================================
"""

from decomposer.errors import RulesError
from decomposer.rules.rulebook import Rulebook, load_rulebook
from decomposer.rules.strategy import RuleStrategy

__all__ = ["RuleStrategy", "Rulebook", "RulesError", "load_rulebook"]
