"""The ``.env`` file: one ``NAME=value`` a line, ``#`` comments, values may be quoted."""

from pathlib import Path


class DotenvError(ValueError):
    """A line of the file is no assignment, or the file cannot be read."""


def read_dotenv(path: Path) -> dict[str, str]:
    """Read the assignments of a file; one that does not exist holds none.

    Raises:
        DotenvError: Names the file and the line; correct it there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DotenvError(f"{path} cannot be read: {error}") from error
    found: dict[str, str] = {}
    for count, line in enumerate(lines, start=1):
        stripped = line.strip().removeprefix("export ").strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not name.strip().isidentifier():
            raise DotenvError(f"{path}, line {count} is not NAME=value")
        found[name.strip()] = _unquoted(value.strip())
    return found


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    # A comment after an unquoted value needs a space before it, so that passwords may hold a #.
    return value.split(" #", 1)[0].rstrip()
