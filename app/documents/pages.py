"""The templates and what they may use."""

import functools
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.documents import wording

_SPELLED: Final = (
    *("moment", "duration", "lateness", "value", "clip", "who", "number", "plural", "link"),
    *("amount", "name_of"),
)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in _SPELLED:
        environment.globals[name] = getattr(wording, name)
    return environment


def render(name: str, **given: Any) -> str:
    """Render a template of this package."""
    return _environment().get_template(name).render(**given)
