"""Breakdown by a language model: any server that speaks OpenAI's chat completions.

============  ==================================================================================
``answer``    what a model is asked to answer: its shape, its limits, and how it is read
``prompt``    what a model is told; the plan's text is fenced off as data
``exchange``  one task asked for: question, answer, one round of repair
``steps``     an answer as subtasks
``strategy``  the exchange as a proposal; rules where it fails
``client``    the way to the server; imports the SDK, which costs 0.8 s, so only workers do
============  ==================================================================================
"""

from decomposer.model.exchange import Completion, Conversation, Usage
from decomposer.model.strategy import ModelStrategy, RulesInstead

__all__ = ["Completion", "Conversation", "ModelStrategy", "RulesInstead", "Usage"]
