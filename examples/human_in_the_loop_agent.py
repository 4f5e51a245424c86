"""An agent that asks a person before it sends an invitation, and then waits for the reply.

Start it:  PLANEXE_KEY=$(cat .data/user_key) .venv/bin/python examples/human_in_the_loop_agent.py

Its post is two folders under POST_DIR (default: ./post): what it sends goes to ``sent/``, replies
are expected in ``received/``, as GUEST.txt.
"""

import os
from pathlib import Path

from planexe_agent import Agent, NeedsHuman, Permanent, Task, Wait

POST = Path(os.environ.get("POST_DIR", "post"))
URL = os.environ.get("PLANEXE_URL", "http://127.0.0.1:8000")
agent = Agent(URL, key=os.environ["PLANEXE_KEY"], name="host")


@agent.action("invite")
def invite(task: Task, guest: str, occasion: str) -> dict[str, str]:
    """Invite a guest, once a person has agreed to the letter."""
    sent = file_in("sent", guest)
    if sent.exists():
        # A lost answer, a crash or a second attempt must not send a second letter.
        return {"sent": sent.read_text()}
    letter = wording(task, f"Dear {guest}, please come to {occasion}.")
    sent.parent.mkdir(parents=True, exist_ok=True)
    sent.write_text(letter)
    return {"sent": letter}


@agent.action("await_reply")
def await_reply(task: Task, guest: str) -> dict[str, str]:
    """Wait until the guest has replied, for two weeks at most."""
    reply = file_in("received", guest)
    if not reply.exists():
        task.note(f"{guest} has not replied yet.")
        raise Wait(f"{guest} has not replied.", retry_after_seconds=2, max_wait_seconds=14 * 86400)
    return {"reply": reply.read_text().strip()}


def wording(task: Task, draft: str) -> str:
    """Give the words that a person has agreed to; ask where nobody has yet."""
    answer = task.context.get("resolution") or {}
    if answer.get("option") == "Send it":
        return draft
    if answer.get("message"):
        return str(answer["message"])
    raise NeedsHuman(
        f"May I send this? {draft}\nOr write what to send instead.", suggestions=["Send it"]
    )


def file_in(folder: str, guest: str) -> Path:
    """Name a guest's letter. Params come from plans: a name must not lead out of the folder."""
    if not guest.replace(" ", "").isalnum():
        raise Permanent(f"{guest!r} is no name that a file could have")
    return POST / folder / f"{guest}.txt"


agent.run()
