"""What one can do: a module per use case or noun, each given what it needs.

Services speak in the shapes of the HTTP contract, so that the JSON API, the WebSocket and the
pages show the same thing.
"""

import msgspec

from app.services.agents import AgentService
from app.services.answers import AnswerService
from app.services.blockers import BlockerService
from app.services.decomposition import DecompositionService
from app.services.executions import ExecutionService
from app.services.feed import Feed
from app.services.files import FileService
from app.services.health import HealthService
from app.services.history import HistoryService
from app.services.identity import Identity
from app.services.inbox import InboxService
from app.services.maintenance import MaintenanceService
from app.services.people import PeopleService
from app.services.persistence import PersistenceService
from app.services.plans import PlanService
from app.services.reports import ReportService
from app.services.review import ReviewService
from app.services.upkeep import UpkeepService
from app.services.versions import VersionService
from app.services.why import WhyService
from app.services.work import WorkService


class Services(msgspec.Struct, frozen=True):
    """Every service, wired by ``app.bootstrap``."""

    identity: Identity
    answers: AnswerService
    agents: AgentService
    plans: PlanService
    decomposition: DecompositionService
    review: ReviewService
    versions: VersionService
    executions: ExecutionService
    work: WorkService
    reports: ReportService
    people: PeopleService
    blockers: BlockerService
    inbox: InboxService
    why: WhyService
    files: FileService
    history: HistoryService
    feed: Feed
    persistence: PersistenceService
    upkeep: UpkeepService
    maintenance: MaintenanceService
    health: HealthService
