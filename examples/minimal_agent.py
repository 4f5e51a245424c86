"""The smallest agent: it counts words.

Start it:  PLANEXE_KEY=$(cat .data/user_key) .venv/bin/python examples/minimal_agent.py
"""

import os

from planexe_agent import Agent, Task

URL = os.environ.get("PLANEXE_URL", "http://127.0.0.1:8000")
agent = Agent(URL, key=os.environ["PLANEXE_KEY"], name="minimal")


@agent.action("count_words")
def count_words(_task: Task, text: str) -> dict[str, int]:
    """Count the words of a text."""
    return {"words": len(text.split())}


agent.run()
