"""The revisions of the schema, by the names of their files.

Without Alembic, which only those need that change the schema: it takes 300 ms and 5 MB.
"""

from pathlib import Path
from typing import Final

_VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"


def known() -> list[str]:
    """List the revisions that this version of the program can bring up to date, oldest first."""
    return sorted(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*_*.py"))


def newest() -> str:
    """Name the revision that this version of the program needs."""
    return known()[-1]
