"""What can be wrong with rules.

RulesError
└── PhraseError   a phrase cannot be read; its file and key are added on the way out
"""


class RulesError(Exception):
    """Rules cannot be used; the message names the file, the key and the value."""


class PhraseError(RulesError):
    """A phrase cannot be read."""
