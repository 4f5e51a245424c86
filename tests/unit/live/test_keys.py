"""The spelling of keys."""

import inspect
import re

from app.live.keys import WAKE_PATTERN, Keys, lease_field, timer, workspace_of


def all_keys() -> list[str]:
    keys = Keys("ws_1")
    made = [keys.log, keys.timers, keys.wake]
    for name, method in inspect.getmembers(keys, inspect.ismethod):
        if not name.startswith("_"):
            made.append(method(*("x" for _ in inspect.signature(method).parameters)))
    return made


def test_all_keys_of_a_workspace_share_one_hash_tag() -> None:
    for key in all_keys():
        assert re.search(r"\{(.*?)\}", key)
        assert key.startswith("ax:{ws_1}:")
        assert workspace_of(key) == "ws_1"


def test_no_two_kinds_of_keys_are_spelled_alike() -> None:
    assert len(set(all_keys())) == len(all_keys())


def test_the_wake_pattern_matches_the_channel_of_any_workspace() -> None:
    assert re.fullmatch(re.escape(WAKE_PATTERN).replace(r"\*", ".*"), Keys("ws_1").wake)


def test_timers_and_leases_are_named_by_execution_and_subtask() -> None:
    assert timer("lease", "exec_1", "a") == "lease|" + lease_field("exec_1", "a")
    assert timer("retire", "exec_1") == "retire|exec_1|"


def test_ids_that_hold_colons_share_no_key() -> None:
    keys = Keys("ws_1")
    ids = ("bot", "bot:work", "bot:leases", "work:bot", "executions:bot")
    makers = (keys.agent, keys.work, keys.leases, keys.executions)
    spelled = [make(one) for make in makers for one in ids]
    assert len(set(spelled)) == len(spelled)
    assert keys.idempotency("agent:a", "b:c") != keys.idempotency("agent:a:b", "c")
