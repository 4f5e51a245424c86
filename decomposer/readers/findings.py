"""Faults and warnings, collected as they are found, so that all are told at once."""

from collections.abc import Iterable

from app.domain.errors import Fault, InvalidPlan
from app.domain.plan import PlanWarning

_LONGEST_VALUE = 200


class Findings:
    """What one import found: faults refuse the plan, warnings go along with it."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.warnings: list[PlanWarning] = []

    def fault(self, where: str, message: str) -> None:
        """Note a fault; reading goes on, to find the others."""
        self.faults.append(Fault(where, message))

    def warn(
        self,
        code: str,
        message: str,
        where: str,
        value: object = "",
        suggestion: str | None = None,
    ) -> None:
        """Note an oddity. The raw value is kept to its first 200 characters."""
        text = str(value)[:_LONGEST_VALUE]
        self.warnings.append(PlanWarning(code, message, where, text, suggestion))

    def demote(self, faults: Iterable[Fault], code: str) -> None:
        """Note as warnings what is wrong with a file the plan can do without."""
        for fault in faults:
            self.warn(code, fault.message, fault.where)

    def settle(self, message: str) -> None:
        """Go on only if there is no fault.

        Raises:
            InvalidPlan: With all faults so far, the first of them in the message.
        """
        if self.faults:
            first, more = self.faults[0], len(self.faults) - 1
            rest = f" And {more} more." if more else ""
            raise InvalidPlan(f"{message} {first.where}: {first.message}{rest}", self.faults)
