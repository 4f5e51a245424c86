"""A workspace with a plan, in a fresh database."""

import pytest
from sqlalchemy import Engine

from app.domain.plan import Plan, PlanStatus
from app.record.identities import Identities
from app.record.plans import Plans

from .builders import WORKSPACE, make_plan


@pytest.fixture
def identities(engine: Engine) -> Identities:
    """Identities with one workspace."""
    identities = Identities(engine)
    identities.create_workspace(WORKSPACE, "First")
    return identities


@pytest.fixture
def plans(engine: Engine, identities: Identities) -> Plans:
    """Plans of that workspace, none yet."""
    del identities
    return Plans(engine)


@pytest.fixture
def plan(plans: Plans) -> Plan:
    """A stored plan with two phases of three tasks."""
    plan = make_plan()
    plans.add(WORKSPACE, plan, PlanStatus.DECOMPOSING, "user_1")
    return plan
