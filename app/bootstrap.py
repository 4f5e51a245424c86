"""The one place that makes clients and wires the services."""

import datetime as dt
import functools
from typing import Final

import redis

from app.domain.commands import WaitPolicy
from app.domain.plan import RetryPolicy
from app.live.answers import StoredAnswers
from app.live.blockers import OpenBlockers
from app.live.change import Delays
from app.live.client import connect as connect_redis
from app.live.executions import LiveExecutions
from app.live.locks import Locks
from app.live.log import Log
from app.live.scripts import Scripts
from app.live.tickets import Tickets
from app.live.timers import Timers
from app.live.wakeups import Wakeups
from app.live.work import Work
from app.record.agents import Agents
from app.record.batches import BatchWriter
from app.record.breakdowns import Breakdowns
from app.record.engine import connect as connect_postgres
from app.record.errors import RecordError
from app.record.executions import Executions
from app.record.files import Files
from app.record.history import History
from app.record.identities import Identities
from app.record.plans import Plans
from app.record.revisions import Revisions
from app.services import Services
from app.services.agents import AgentService, AgentTerms
from app.services.answers import AnswerService
from app.services.blockers import BlockerService
from app.services.clock import Clock, system_clock
from app.services.commands import Commands
from app.services.decomposition import DecompositionService
from app.services.executions import ExecutionService
from app.services.explainer import Explainer
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
from app.services.presence import Presence
from app.services.reports import ReportService
from app.services.review import ReviewService
from app.services.single_tasks import SingleTasks
from app.services.upkeep import UpkeepLimits, UpkeepService
from app.services.versions import VersionService
from app.services.why import WhyService
from app.services.work import WorkService
from config.settings import Settings
from decomposer.breakdown import Decomposer
from decomposer.readers import ReadLimits
from decomposer.rules import RuleStrategy, load_rulebook
from decomposer.strategy import Defaults
from workers.broker import make_broker
from workers.jobs import QueuedJobs

POOL_SIZE: Final = 8


class MissingServers(Exception):
    """The process was started without the addresses of its servers."""


def build(settings: Settings, clock: Clock = system_clock) -> Services:
    """Wire every service for one process; opens no connection yet.

    Raises:
        MissingServers: ``DATABASE_URL`` or ``REDIS_URL`` is not set.
        RulesError: A rule file of the user's cannot be used.
    """
    if not settings.database_url or not settings.redis_url:
        raise MissingServers("Set DATABASE_URL and REDIS_URL, or start with `planexe-ax up`.")
    client = connect_redis(settings.redis_url)
    blocking = connect_redis(settings.redis_url, blocking=True)
    engine = connect_postgres(settings.database_url, pool_size=POOL_SIZE)
    scripts = Scripts(client)
    lease = dt.timedelta(seconds=settings.lease_seconds)
    limits = UpkeepLimits(
        execution=dt.timedelta(hours=settings.execution_timeout_hours),
        offline=dt.timedelta(minutes=settings.agent_offline_minutes),
    )
    live = LiveExecutions(
        client,
        scripts,
        Delays(
            lease=lease,
            grace=dt.timedelta(seconds=settings.finished_grace_seconds),
            execution=limits.execution,
            offline=limits.offline,
        ),
    )
    work, log = Work(client, scripts, limits.offline), Log(client, blocking)
    presence = Presence(live, work, clock)
    plans, breakdowns = Plans(engine), Breakdowns(engine)
    executions, history = Executions(engine), History(engine)
    identity = Identity(Identities(engine), Tickets(client), clock)
    agent_records = Agents(engine)
    agents = AgentService(agent_records, work, identity, _terms(settings), clock)
    explainer = Explainer(work, agents, _silence(settings), clock)
    risky_words = settings.approval_words.split(",")
    execution_service = ExecutionService(
        live, executions, plans, breakdowns, agents, explainer, clock, risky_words
    )
    history_service = HistoryService(log, history, execution_service)
    commands = Commands(live, executions, agents, clock)
    blockers, files = OpenBlockers(client), FileService(Files(engine), clock)
    desk = WorkService(live, work, Wakeups(blocking), agents, presence, lease, clock)
    jobs = QueuedJobs(make_broker(settings.redis_url))
    decomposer, defaults = _decomposer(settings), _defaults(settings)
    decomposition = DecompositionService(plans, breakdowns, agent_records, decomposer, defaults)
    single_tasks = SingleTasks(decomposer, decomposition.capabilities, defaults)
    probes = {"redis": client.ping, "postgresql": Identities(engine).any_user}
    return Services(
        identity=identity,
        answers=AnswerService(StoredAnswers(client)),
        agents=agents,
        plans=PlanService(plans, breakdowns, jobs, _read_limits(settings)),
        decomposition=decomposition,
        review=ReviewService(Revisions(engine), single_tasks, clock),
        versions=VersionService(plans, breakdowns),
        executions=execution_service,
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
        persistence=PersistenceService(live, log, BatchWriter(engine), Locks(client)),
        upkeep=UpkeepService(
            live, Timers(client, scripts), executions, history, work, limits, clock
        ),
        maintenance=MaintenanceService(live, executions, plans, jobs, clock),
        health=HealthService(probes, (redis.RedisError, RecordError)),
    )


@functools.cache
def of_process() -> Services:
    """Give the services of this process, by its environment; made at first use, after any fork."""
    return build(Settings.of_process())


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


def _decomposer(settings: Settings) -> Decomposer:
    rulebook = load_rulebook(settings.rules_dir)
    return Decomposer(RuleStrategy(rulebook), rulebook.catalogue, settings.confidence_threshold)


def _defaults(settings: Settings) -> Defaults:
    return Defaults(
        timeout_hours=settings.subtask_timeout_hours,
        retry_policy=RetryPolicy(
            max_attempts=settings.max_attempts,
            backoff_seconds=settings.backoff_seconds,
            max_backoff_seconds=settings.max_backoff_seconds,
        ),
    )
