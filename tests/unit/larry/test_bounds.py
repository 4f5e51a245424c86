"""Results fit into what the server takes."""

import json

from hypothesis import given
from hypothesis import strategies as st
from larry.bounds import bounded


def test_small_result_stays_as_it_is() -> None:
    assert bounded({"places": [1, 2], "name": "x"}) == {"places": [1, 2], "name": "x"}


def test_longest_list_is_shortened_from_its_end_and_named() -> None:
    places = [{"name": f"Farm {number}"} for number in range(20_000)]
    found = bounded({"places": places, "searches": 3})
    assert found["places"] == places[: len(found["places"])]
    assert found["shortened"] == ["places"]
    assert found["searches"] == 3
    assert len(json.dumps(found).encode()) < 256 * 1024


results = st.dictionaries(
    st.text(max_size=5), st.one_of(st.integers(), st.text(), st.lists(st.text())), max_size=5
)


@given(results)
def test_any_result_comes_to_an_end_and_loses_no_name(result: dict[str, object]) -> None:
    assert result.keys() <= bounded(result, most_bytes=60).keys()
