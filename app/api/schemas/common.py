"""What the schemas of all nouns share: strictness, pages, problems."""

from marshmallow import EXCLUDE, RAISE, Schema, fields, validate
from marshmallow.exceptions import ValidationError

from app.domain.ids import is_own_id

SHORT = validate.Length(min=1, max=200)


LONG = validate.Length(max=20_000)


def own_id(value: str) -> None:
    """Validate an id that somebody brings along."""
    if not is_own_id(value):
        raise ValidationError("May hold letters, digits and . _ : - only, up to 100.")


class Strict(Schema):
    """Refuses fields it does not know."""

    class Meta:
        """marshmallow's options."""

        unknown = RAISE


class Lenient(Schema):
    """Passes over what it does not know: agents of the first drafts send more."""

    class Meta:
        """marshmallow's options."""

        unknown = EXCLUDE


class ProblemError(Schema):
    """One bad field."""

    field = fields.String(required=True)
    message = fields.String(required=True)


class Problem(Schema):
    """RFC 9457: what was refused, and why."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True)
    request_id = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(ProblemError), required=True)
    legal = fields.List(
        fields.String(), metadata={"description": "Of an illegal move: what may be asked instead"}
    )


class PageQuery(Strict):
    """How lists are paged."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 500))
    cursor = fields.String(load_default=None, validate=validate.Length(max=500))
