"""What can be wrong in this package, besides a plan (``app.domain.errors.InvalidPlan``).

RulesError        rules cannot be used; the message names the file, the key and the value
└── PhraseError   a phrase cannot be read; its file and key are added on the way out
"""


class RulesError(Exception):
    """Rules cannot be used: mend the file that the message names, and start again."""


class PhraseError(RulesError):
    """A phrase cannot be read."""
