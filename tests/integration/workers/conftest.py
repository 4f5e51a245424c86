"""The actors on real servers, in this process."""

import importlib
import sys
from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.brokers.redis import RedisBroker

from app import bootstrap
from app.services import Services
from config.settings import Settings


@pytest.fixture
def broker(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RedisBroker]:
    """The actors of this installation, as a worker process declares them."""
    monkeypatch.setenv("DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("REDIS_URL", settings.redis_url or "")
    monkeypatch.setattr(bootstrap, "of_process", lambda: services)
    monkeypatch.delitem(sys.modules, "workers.main", raising=False)
    importlib.import_module("workers.main")
    broker = dramatiq.get_broker()
    assert isinstance(broker, RedisBroker)
    yield broker
    monkeypatch.delitem(sys.modules, "workers.main", raising=False)
    broker.close()
    broker.client.close()
