"""What one can do: a module per use case or noun, each given what it needs.

Services speak in the shapes of the HTTP contract, so that the JSON API, the WebSocket and the
pages show the same thing.
"""

import msgspec

from app.services.agents import AgentService
from app.services.answers import AnswerService
from app.services.backup import BackupService
from app.services.blockers import BlockerService
from app.services.capacity import CapacityService
from app.services.decomposition import DecompositionService
from app.services.execution_list import ExecutionListService
from app.services.executions import ExecutionService
from app.services.feed import Feed
from app.services.files import FileService
from app.services.health import HealthService
from app.services.history import HistoryService
from app.services.identity import Identity
from app.services.imports import ImportService
from app.services.inbox import InboxService
from app.services.inquiries import InquiryService
from app.services.items import ItemService
from app.services.keys import KeyService
from app.services.maintenance import MaintenanceService
from app.services.people import PeopleService
from app.services.persistence import PersistenceService
from app.services.plans import PlanService
from app.services.readiness import ReadinessService
from app.services.recovery import RecoveryService
from app.services.replay import ReplayService
from app.services.reports import ReportService
from app.services.retention import RetentionService
from app.services.review import ReviewService
from app.services.rounds import SweepRounds
from app.services.upkeep import UpkeepService
from app.services.verification import VerificationService
from app.services.versions import VersionService
from app.services.why import WhyService
from app.services.work import WorkService


class Services(msgspec.Struct, frozen=True):
    """Every service, wired by ``app.bootstrap``."""

    identity: Identity
    answers: AnswerService
    agents: AgentService
    keys: KeyService
    plans: PlanService
    imports: ImportService
    decomposition: DecompositionService
    review: ReviewService
    readiness: ReadinessService
    versions: VersionService
    inquiries: InquiryService
    executions: ExecutionService
    execution_list: ExecutionListService
    work: WorkService
    reports: ReportService
    people: PeopleService
    blockers: BlockerService
    inbox: InboxService
    why: WhyService
    files: FileService
    history: HistoryService
    items: ItemService
    feed: Feed
    capacity: CapacityService
    persistence: PersistenceService
    upkeep: UpkeepService
    rounds: SweepRounds
    backup: BackupService
    recovery: RecoveryService
    maintenance: MaintenanceService
    retention: RetentionService
    verification: VerificationService
    replay: ReplayService
    health: HealthService
