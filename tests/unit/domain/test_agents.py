"""What an agent says it can do."""

from app.domain.agents import Agent, Capability
from tests.executions import AGENT, NOON, WORKSPACE, claimant


def test_an_agents_actions_are_those_of_its_capabilities() -> None:
    abilities = [Capability("sing"), Capability("dig", ["depth"]), Capability("sing")]
    agent = Agent(AGENT, WORKSPACE, "Mole", abilities, NOON)
    assert agent.actions == {"sing", "dig"}


def test_a_claimant_performs_what_it_names_or_anything() -> None:
    assert claimant(AGENT, "sing").performs("sing")
    assert not claimant(AGENT, "sing").performs("dig")
    assert claimant(AGENT, "*").performs("dig")
