"""A world to begin with."""

from collections.abc import Sequence

from larry.ports import Answer, Call, Hit, Message, Place


class QuietWorld:
    """A world in which nobody answers and nothing is found."""

    def written_to(self, message: Message) -> Sequence[Answer]:  # noqa: ARG002 - a port's shape
        """Give no answer."""
        return ()

    def called(self, to: str, script: str) -> Call:  # noqa: ARG002 - a port's shape
        """Let it ring."""
        return Call(call_id="", to=to, status="no-answer", duration_seconds=30)

    def places(self, query: str, near: str) -> Sequence[Place]:  # noqa: ARG002 - a port's shape
        """Know no place."""
        return ()

    def pages(self, query: str) -> Sequence[Hit]:  # noqa: ARG002 - a port's shape
        """Know no page."""
        return ()
