"""The one place that makes clients and wires the services."""

import datetime as dt
import functools
from importlib import import_module
from typing import Final

import redis

from app.domain.commands import WaitPolicy
from app.domain.plan import RetryPolicy
from app.live.answers import StoredAnswers
from app.live.blockers import OpenBlockers
from app.live.change import Delays
from app.live.client import connect as connect_redis
from app.live.executions import LiveExecutions
from app.live.inquiries import Inquiries
from app.live.inventory import Inventory
from app.live.locks import Locks
from app.live.log import Log
from app.live.model_limits import ModelLimits
from app.live.proof import ProofReader
from app.live.pulse import Pulse
from app.live.scripts import Confirmation, Scripts
from app.live.tickets import Tickets
from app.live.timers import Timers
from app.live.wakeups import Wakeups
from app.live.work import Work
from app.planexe.source import PlanSource
from app.record.agents import Agents
from app.record.archives import Archives
from app.record.batches import BatchWriter
from app.record.breakdowns import Breakdowns
from app.record.chains import Chains
from app.record.copies import Copies
from app.record.decompositions import Decompositions
from app.record.engine import connect as connect_postgres
from app.record.errors import RecordError
from app.record.executions import Executions
from app.record.files import Files
from app.record.history import History
from app.record.identities import Identities
from app.record.keys import ApiKeys
from app.record.mending import Mending
from app.record.model_answers import ModelAnswers
from app.record.partitions import Partitions
from app.record.plans import Plans
from app.record.proof import ProofRows
from app.record.revisions import Revisions
from app.record.verifications import Verifications
from app.services import Services
from app.services.agents import AgentService, AgentTerms
from app.services.answers import AnswerService
from app.services.backup import BackupService
from app.services.blockers import BlockerService
from app.services.capacity import CapacityService
from app.services.clock import Clock
from app.services.commands import Commands
from app.services.decomposition import DecompositionService
from app.services.execution_list import ExecutionListService
from app.services.executions import ExecutionService
from app.services.explainer import Explainer
from app.services.feed import Feed
from app.services.files import FileService
from app.services.health import HealthService
from app.services.history import HistoryService
from app.services.identity import Identity
from app.services.imports import ImportService
from app.services.inbox import InboxService
from app.services.inquiries import InquiryService
from app.services.items import ItemService
from app.services.kept_events import KeptEvents
from app.services.keys import KeyService
from app.services.maintenance import MaintenanceService
from app.services.model import Budget, Client, ModelAccess
from app.services.people import PeopleService
from app.services.persistence import PersistenceService
from app.services.plans import PlanService
from app.services.presence import Presence
from app.services.readiness import ReadinessService
from app.services.recovery import RecoveryService
from app.services.replay import ReplayService
from app.services.reports import ReportService
from app.services.retention import RetentionService
from app.services.review import ReviewService
from app.services.rounds import SweepRounds
from app.services.single_tasks import SingleTasks
from app.services.strategies import Strategies
from app.services.upkeep import UpkeepLimits, UpkeepService
from app.services.verification import VerificationService
from app.services.versions import VersionService
from app.services.why import WhyService
from app.services.work import WorkService
from config.settings import Settings
from decomposer.readers import ReadLimits
from decomposer.rules import RuleStrategy, load_rulebook
from decomposer.strategy import Defaults
from workers.broker import make_broker
from workers.jobs import QueuedJobs

POOL_SIZE: Final = 8


class MissingServers(Exception):
    """The process was started without the addresses of its servers."""


def build(settings: Settings, clock: Clock | None = None) -> Services:
    """Wire every service for one process; opens no connection yet.

    Args:
        settings: Of the process.
        clock: What the services go by, in place of Redis' time.

    Raises:
        MissingServers: ``DATABASE_URL`` or ``REDIS_URL`` is not set.
        RulesError: A rule file of the user's cannot be used.
    """
    if not settings.database_url or not settings.redis_url:
        raise MissingServers("Set DATABASE_URL and REDIS_URL, or start with `planexe-ax up`.")
    client = connect_redis(settings.redis_url)
    blocking = connect_redis(settings.redis_url)  # Reads that wait have connections of their own.
    engine = connect_postgres(settings.database_url, pool_size=POOL_SIZE)
    pulse = Pulse(client)
    clock = clock or pulse.now
    scripts = Scripts(
        client, Confirmation(settings.redis_wait_replicas, settings.redis_wait_milliseconds)
    )
    lease = dt.timedelta(seconds=settings.lease_seconds)
    limits = UpkeepLimits(
        execution=dt.timedelta(hours=settings.execution_timeout_hours),
        offline=dt.timedelta(minutes=settings.agent_offline_minutes),
    )
    delays = Delays(
        lease=lease,
        grace=dt.timedelta(seconds=settings.finished_grace_seconds),
        execution=limits.execution,
        offline=limits.offline,
    )
    live = LiveExecutions(client, scripts, delays)
    inventory, writer = Inventory(client, live, delays), BatchWriter(engine)
    recovery = RecoveryService(live, inventory, Mending(engine), writer, clock)
    work, log = Work(client, scripts, limits.offline), Log(client, blocking, scripts)
    presence = Presence(live, work, clock)
    plans, breakdowns = Plans(engine), Breakdowns(engine)
    executions, history = Executions(engine), History(engine)
    partitions = Partitions(engine)
    archives = Archives(engine, settings.data_dir / settings.archive_dir)
    identity = Identity(Identities(engine), Tickets(client), clock)
    agent_records = Agents(engine)
    silence = _silence(settings)
    agents = AgentService(agent_records, work, identity, _terms(settings), silence, clock)
    explainer = Explainer(work, agents, silence, clock)
    risky_words = settings.approval_words.split(",")
    execution_service = ExecutionService(
        live, executions, archives, plans, breakdowns, agents, explainer, clock, risky_words
    )
    history_service = HistoryService(log, history, archives, execution_service)
    persistence = PersistenceService(
        live, log, writer, Locks(client), pulse, settings.redis_shed_percent / 100, clock
    )
    commands = Commands(live, executions, agents, clock)
    blockers = OpenBlockers(client)
    files = FileService(Files(engine), clock, settings.max_file_bytes)
    desk = WorkService(live, work, Wakeups(blocking), agents, presence, lease, clock)
    timers = Timers(client, scripts)
    upkeep = UpkeepService(live, timers, executions, history, work, limits, clock)
    jobs = QueuedJobs(make_broker(settings.redis_url))
    decompositions, defaults = Decompositions(engine), _defaults(settings)
    model_limits = ModelLimits(
        client,
        scripts,
        settings.decomposition_concurrency,
        settings.decomposition_calls_per_minute,
    )
    access = _model_access(settings, model_limits, ModelAnswers(engine), decompositions)
    strategies = _strategies(settings, access)
    read_limits = _read_limits(settings)
    plan_service = PlanService(plans, breakdowns, decompositions, jobs, read_limits)
    decomposition = DecompositionService(
        plans,
        breakdowns,
        decompositions,
        agent_records,
        strategies,
        defaults,
        jobs,
        Locks(client),
    )
    single_tasks = SingleTasks(strategies, decomposition.capabilities, defaults)
    rows = ProofRows(engine)
    events = KeptEvents(log, rows, archives.refuse_archived)
    probes = {"redis": client.ping, "postgresql": Identities(engine).any_user}
    return Services(
        identity=identity,
        answers=AnswerService(StoredAnswers(client)),
        agents=agents,
        keys=KeyService(ApiKeys(engine), identity, agents),
        plans=plan_service,
        imports=ImportService(
            _plan_source(settings),
            plans,
            plan_service,
            jobs,
            read_limits,
            dt.timedelta(seconds=settings.source_poll_seconds),
            dt.timedelta(hours=settings.source_timeout_hours),
            clock,
        ),
        decomposition=decomposition,
        review=ReviewService(Revisions(engine), single_tasks, jobs, clock),
        readiness=ReadinessService(
            plans, breakdowns, agent_records, work, limits.offline, clock, risky_words
        ),
        versions=VersionService(plans, breakdowns),
        inquiries=InquiryService(
            Inquiries(client, blocking), agents, strategies, read_limits, defaults, jobs
        ),
        executions=execution_service,
        execution_list=ExecutionListService(execution_service, blockers),
        work=desk,
        reports=ReportService(
            live, work, executions, agents, desk, presence, lease, _wait_policy(settings), clock
        ),
        people=PeopleService(commands, files, explainer),
        blockers=BlockerService(blockers, history_service, execution_service, agents, commands),
        inbox=InboxService(blockers, live, plans),
        why=WhyService(live, execution_service, explainer),
        files=files,
        history=history_service,
        feed=Feed(log, execution_service, history_service),
        capacity=CapacityService(pulse),
        persistence=persistence,
        upkeep=upkeep,
        rounds=SweepRounds(log, timers, upkeep, clock),
        recovery=recovery,
        backup=BackupService(
            persistence, log, inventory, live, Copies(engine), Chains(engine), recovery, clock
        ),
        maintenance=MaintenanceService(live, executions, plans, recovery, partitions, jobs, clock),
        retention=RetentionService(
            archives,
            partitions,
            live,
            dt.timedelta(days=settings.event_log_retention_days),
            clock,
        ),
        verification=VerificationService(
            live,
            ProofReader(client),
            executions,
            rows,
            log,
            events,
            Verifications(engine),
            Locks(client),
            clock,
        ),
        items=ItemService(execution_service),
        replay=ReplayService(execution_service, events),
        health=HealthService(probes, (redis.RedisError, RecordError)),
    )


@functools.cache
def of_process() -> Services:
    """Give the services of this process, by its environment; made at first use, after any fork."""
    services = build(Settings.of_process())
    services.capacity.follow()
    return services


def ensure_owner(settings: Settings) -> str | None:
    """Make the first user, and give its key; None where there is one already."""
    return build(settings).identity.ensure_owner()


def _terms(settings: Settings) -> AgentTerms:
    return AgentTerms(
        poll_interval_seconds=settings.agent_poll_interval_seconds,
        long_poll_max_seconds=settings.long_poll_max_seconds,
        heartbeat_interval_seconds=settings.heartbeat_interval_seconds,
        lease_seconds=settings.lease_seconds,
    )


def _silence(settings: Settings) -> dt.timedelta:
    """How long an agent that polls as it was asked to may go without a contact."""
    return dt.timedelta(
        seconds=settings.agent_poll_interval_seconds + settings.long_poll_max_seconds
    )


def _wait_policy(settings: Settings) -> WaitPolicy:
    return WaitPolicy(
        first_check_seconds=settings.wait_first_check_seconds,
        longest_check_seconds=settings.wait_longest_check_seconds,
        longest_wait_seconds=settings.wait_longest_hours * 3600,
    )


def _read_limits(settings: Settings) -> ReadLimits:
    return ReadLimits(
        max_archive_bytes=settings.max_archive_bytes,
        max_tasks=settings.max_plan_tasks,
        max_subtasks=settings.max_plan_subtasks,
        hours_per_day=settings.hours_per_day,
    )


def _strategies(settings: Settings, access: ModelAccess | None) -> Strategies:
    return Strategies(
        RuleStrategy(load_rulebook(settings.rules_dir)),
        settings.confidence_threshold,
        access,
        compare=settings.decomposition_compare == "yes",
    )


def _model_access(
    settings: Settings, limits: ModelLimits, answers: ModelAnswers, decompositions: Decompositions
) -> ModelAccess | None:
    model, server = settings.decomposition_model, settings.decomposition_base_url
    if not model or not server:
        return None

    @functools.cache
    def client() -> Client:
        # At first use, and so in workers only: the SDK takes 0.8 s to import.
        return import_module("decomposer.model.client").ModelClient(
            model,
            server,
            settings.decomposition_api_key,
            settings.decomposition_deadline_seconds,
            (settings.decomposition_input_usd, settings.decomposition_output_usd),
        )

    budget = Budget(settings.decomposition_budget_tokens, settings.decomposition_budget_usd)
    return ModelAccess((model, server), client, limits, answers, decompositions, budget)


def _plan_source(settings: Settings) -> PlanSource | None:
    if not settings.source_url:
        return None
    from app.planexe.servers import open_source  # noqa: PLC0415 - brings httpx along, for this alone

    key, kind, model = settings.source_api_key, settings.source_kind, settings.source_model
    return open_source(settings.source_url, key, kind, model)


def _defaults(settings: Settings) -> Defaults:
    return Defaults(
        timeout_hours=settings.subtask_timeout_hours,
        retry_policy=RetryPolicy(
            max_attempts=settings.max_attempts,
            backoff_seconds=settings.backoff_seconds,
            max_backoff_seconds=settings.max_backoff_seconds,
        ),
    )
