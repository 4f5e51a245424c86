import pytest
from sqlalchemy import Engine

from app.domain.agents import Agent, Capability
from app.domain.errors import NotFound
from app.record.agents import Agents
from app.record.errors import AlreadyExists, RecordError
from app.record.identities import Identities, KeyOwner, NewKey

from .builders import NOON, WORKSPACE


def make_agent(agent_id: str = "agent_1", workspace_id: str = WORKSPACE) -> Agent:
    return Agent(
        agent_id=agent_id,
        workspace_id=workspace_id,
        name="Larry",
        capabilities=[
            Capability("send_email", ["to", "body"], "Sends"),
            Capability("*", {"type": "object", "required": ["z", "a"]}),
        ],
        created_at=NOON,
        role="sales",
        max_concurrent_tasks=3,
        webhook_url="https://example.org/hook",
    )


def test_user_is_found_by_its_key(identities: Identities) -> None:
    assert not identities.any_user()
    identities.create_user("user_1", WORKSPACE, "Ada", "owner", NewKey("key_1", "hash_1"))
    assert identities.any_user()
    owner = KeyOwner(WORKSPACE, "key_1", user_id="user_1", user_name="Ada")
    assert identities.find_key("hash_1") == owner
    assert identities.find_key("hash_2") is None


def test_user_without_its_key_is_not_stored(identities: Identities) -> None:
    identities.create_user("user_1", WORKSPACE, "Ada", "owner", NewKey("key_1", "hash_1"))
    with pytest.raises(AlreadyExists):
        identities.create_user("user_2", WORKSPACE, "Bob", "owner", NewKey("key_2", "hash_1"))
    with pytest.raises(NotFound):
        identities.add_key(NewKey("key_2", "hash_2"), WORKSPACE, user_id="user_2")


def test_key_belongs_to_either_a_user_or_an_agent(identities: Identities) -> None:
    with pytest.raises(RecordError):
        identities.add_key(NewKey("key_1", "hash_1"), WORKSPACE)


def test_agent_comes_back_as_it_registered(identities: Identities, engine: Engine) -> None:
    identities.create_workspace("ws_2", "Second")
    agents = Agents(engine)
    agents.add(make_agent())
    agents.add(make_agent(workspace_id="ws_2"))
    assert agents.get(WORKSPACE, "agent_1") == make_agent()
    assert agents.get(WORKSPACE, "agent_2") is None
    with pytest.raises(AlreadyExists):
        agents.add(make_agent())


def test_agents_are_listed_in_pages(identities: Identities, engine: Engine) -> None:
    del identities
    agents = Agents(engine)
    for number in range(3):
        agents.add(make_agent(f"agent_{number}"))
    first = agents.page(WORKSPACE, limit=2)
    rest = agents.page(WORKSPACE, limit=2, cursor=first.next_cursor)
    # Made in the same moment, they are told apart by id.
    assert [it.agent_id for it in first.items] == ["agent_2", "agent_1"]
    assert [it.agent_id for it in rest.items] == ["agent_0"]
