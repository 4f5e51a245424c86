"""Options that several commands share, and what their values must look like."""

import argparse
from pathlib import Path


def add_auto_approve(parser: argparse.ArgumentParser) -> None:
    """Offer to grant everything that would wait for a person."""
    parser.add_argument(
        "--auto-approve",
        action="store_true",
        help="grant reviews, approvals and gates, and play the people; each is recorded as such",
    )


def path(text: str) -> Path:
    """Read a path; ``~`` is the home folder, and a relative one counts from here."""
    return Path(text).expanduser().absolute()


def factor(text: str) -> float:
    """Read a positive number."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number
