"""A user's rule files stop the start, or take part in it."""

from pathlib import Path

import pytest

from app import bootstrap
from config.settings import Settings
from decomposer.errors import RulesError


def test_broken_rule_file_stops_the_start_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "boats.toml").write_text("words = 3")
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/none",
        redis_url="redis://127.0.0.1:1/0",
        rules_dir=tmp_path,
    )
    with pytest.raises(RulesError, match=r"boats\.toml: words = 3"):
        bootstrap.build(settings)
