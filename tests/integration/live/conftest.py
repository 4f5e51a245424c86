"""A workspace in a fresh Redis for each test."""

from collections.abc import Iterator

import pytest
import redis

from app.live.client import connect

from .scene import Scene


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client as the processes use it."""
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def blocking(redis_url: str) -> Iterator[redis.Redis]:
    """A client for subscriptions and blocking reads."""
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def scene(client: redis.Redis, blocking: redis.Redis) -> Scene:
    """A workspace without executions."""
    return Scene(client, blocking)
