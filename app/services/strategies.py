"""Who breaks tasks down: the rules, or the model with the rules to fall back on."""

from app.services.model import ModelAccess, Purpose
from decomposer.breakdown import Decomposer
from decomposer.errors import ModelError
from decomposer.model import ModelStrategy, RulesInstead
from decomposer.rules import RuleStrategy
from decomposer.strategy import Strategy


class Strategies:
    """The ways of breaking a task down that are set up here."""

    def __init__(
        self, rules: RuleStrategy, threshold: float, access: ModelAccess | None, *, compare: bool
    ) -> None:
        """Keep them; without ``access`` there is no model."""
        self._rules = rules
        self._threshold = threshold
        self._access = access
        self._compare = compare

    @property
    def has_model(self) -> bool:
        """Tell whether a model is set up."""
        return self._access is not None

    def by_rules(self) -> Decomposer:
        """Break down by the rules."""
        return self._decomposer(self._rules)

    def by_model(self, purpose: Purpose) -> Decomposer:
        """Break one task down by the model; by the rules where none is set up any more."""
        if self._access is None:
            return self.by_rules()
        conversation = self._access.converse(purpose)
        return self._decomposer(ModelStrategy(conversation, self._rules, compare=self._compare))

    def instead(self, error: ModelError) -> Decomposer:
        """Break down by the rules, and tell why not the model did."""
        return self._decomposer(RulesInstead(self._rules, error))

    def _decomposer(self, strategy: Strategy) -> Decomposer:
        return Decomposer(strategy, self._rules.rulebook.catalogue, self._threshold)
