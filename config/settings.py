"""The settings: read once from the environment and ``.env``, validated, then frozen.

Each setting stands here once, with its default, unit, what it accepts and what it does;
``config.reference`` writes ``.env.example`` and ``docs/settings.md`` from that.
"""

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from config import kinds
from config.dotenv import DotenvError, read_dotenv
from config.kinds import Kind

PROJECT: Final = Path(__file__).resolve().parent.parent
"""The folder that holds the project, with its ``.env`` and ``Procfile``."""

_PREFIX: Final = "PLANEXE_"
_UNPREFIXED: Final = frozenset({"database_url", "redis_url"})
# Read by the SDK: an agent's author may well have it in the environment.
_OTHERS: Final = frozenset({"PLANEXE_KEY"})
_MIB: Final = 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """One setting that cannot be used, and what would be accepted in its place."""

    name: str
    value: str
    accepted: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.name}={self.value}: {self.accepted}" if self.name else self.accepted


class SettingsError(Exception):
    """Settings cannot be used; ``faults`` names every one of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"The settings cannot be used:{lines}")


@dataclass(frozen=True)
class Spec:
    """What is known of one setting, for reading it and for writing about it."""

    attribute: str
    kind: Kind[Any]
    default: Any
    about: str

    @property
    def env(self) -> str:
        """Name of its environment variable."""
        upper = self.attribute.upper()
        return upper if self.attribute in _UNPREFIXED else _PREFIX + upper


def _setting(kind: Kind[T], default: T, about: str) -> T:
    return field(default=default, repr=not kind.secret, metadata={"kind": kind, "about": about})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that can be set. Durations and sizes carry their unit in the name."""

    database_url: str | None = _setting(
        kinds.url("postgresql", "postgres"),
        None,
        "PostgreSQL 14 or newer. Unset: the project starts its own.",
    )
    redis_url: str | None = _setting(
        kinds.url("redis", "rediss", "unix"),
        None,
        "Redis 7.0 or newer, or Valkey, with `appendonly yes`, `appendfsync always` and "
        "`maxmemory-policy noeviction`. Unset: the project starts its own.",
    )
    host: str = _setting(kinds.text(), "127.0.0.1", "Address the web server listens on.")
    port: int = _setting(
        kinds.integer(0, 65535), 8000, "Port the web server listens on; 0 takes a free one."
    )
    data_dir: Path = _setting(  # noqa: RUF009 a field, as all the others
        kinds.folder(),
        Path(".data"),
        "Folder of the embedded servers, keys and secrets. A relative path counts from the "
        "project's folder.",
    )
    web_processes: int = _setting(kinds.integer(1, 64), 2, "Processes that answer requests.")
    worker_threads: int = _setting(
        kinds.integer(1, 64), 4, "Threads of the worker: messages it handles at the same time."
    )
    persist_shards: int = _setting(
        kinds.integer(1, 64),
        2,
        "Parts into which workspaces fall; the worker records the logs of each part in a thread "
        "of its own. Less than the worker's threads.",
    )
    embedded_redis_mib: int = _setting(
        kinds.integer(64, 1024 * 1024, "MiB"),
        512,
        "Memory of the embedded Valkey. A server of your own has its `maxmemory`.",
    )
    redis_shed_percent: int = _setting(
        kinds.integer(1, 79, "percent"),
        60,
        "How full Redis may be before recorded events of live executions leave it. Until then "
        "they stay, so that a PostgreSQL restored from a backup can be caught up.",
    )
    redis_wait_replicas: int = _setting(
        kinds.integer(0, 10),
        0,
        "Replicas of Redis that must have an event before it is acknowledged.",
    )
    redis_wait_milliseconds: int = _setting(
        kinds.integer(1, 5000, "milliseconds"),
        1000,
        "How long to wait for these replicas before the answer is 503.",
    )
    log_level: str = _setting(
        kinds.choice("debug", "info", "warning", "error"), "info", "Least severity that is logged."
    )
    log_format: str = _setting(
        kinds.choice("text", "json"), "text", "Form of a log line: for people or for programs."
    )
    secret_key: str | None = _setting(
        kinds.secret(),
        None,
        "Signs session cookies; the same on all machines of one installation. Unset: "
        "`planexe-ax up` makes one and keeps it in the data folder.",
    )
    max_body_bytes: int = _setting(
        kinds.integer(1024, 4096 * _MIB, "bytes"), 64 * _MIB, "Largest request, uploads included."
    )
    max_json_body_bytes: int = _setting(
        kinds.integer(1024, 1024 * _MIB, "bytes"), 8 * _MIB, "Largest JSON request."
    )
    max_file_bytes: int = _setting(
        kinds.integer(1024, 1024 * _MIB, "bytes"),
        10 * _MIB,
        "Largest file that can be uploaded as evidence. Not more than the largest request.",
    )
    max_archive_bytes: int = _setting(
        kinds.integer(1024, 16384 * _MIB, "bytes"), 256 * _MIB, "Largest zip once unpacked."
    )
    max_plan_tasks: int = _setting(kinds.integer(1, 1_000_000), 10_000, "Most tasks of a plan.")
    max_plan_subtasks: int = _setting(
        kinds.integer(1, 5_000_000), 50_000, "Most subtasks of a plan."
    )
    max_events_per_batch: int = _setting(
        kinds.integer(1, 10_000), 1000, "Most events in one request."
    )
    agent_poll_interval_seconds: int = _setting(
        kinds.integer(1, 86_400, "seconds"), 300, "How often agents are asked to poll."
    )
    long_poll_max_seconds: int = _setting(
        kinds.integer(0, 300, "seconds"), 60, "Longest `wait` of a poll."
    )
    heartbeat_interval_seconds: int = _setting(
        kinds.integer(1, 86_400, "seconds"), 300, "How often working agents are asked to report."
    )
    lease_seconds: int = _setting(
        kinds.integer(1, 604_800, "seconds"),
        900,
        "How long a task stays leased after its agent's last event. More than the heartbeat "
        "interval.",
    )
    agent_offline_minutes: float = _setting(
        kinds.number(0.01, 10_080, "minutes"),
        30,
        "How long an agent may be silent before its executions are held up.",
    )
    wait_first_check_seconds: int = _setting(
        kinds.integer(1, 604_800, "seconds"),
        300,
        "When an external wait is first looked at again; then after twice as long.",
    )
    wait_longest_check_seconds: int = _setting(
        kinds.integer(1, 604_800, "seconds"),
        21_600,
        "Longest time between two looks at an external wait.",
    )
    wait_longest_hours: float = _setting(
        kinds.number(0.01, 8760, "hours"),
        48,
        "How long an external wait may last before a person is asked.",
    )
    approval_words: str = _setting(
        kinds.text(),
        "send,call,sign,pay,publish,delete",
        "An action with one of these words in its name needs approval.",
    )
    execution_timeout_hours: float = _setting(
        kinds.number(0.01, 87_600, "hours"), 168, "Longest an execution may take."
    )
    subtask_timeout_hours: float = _setting(
        kinds.number(0.01, 8760, "hours"), 24, "Longest a subtask may take that sets no time."
    )
    max_attempts: int = _setting(
        kinds.integer(1, 100), 3, "Attempts at a subtask that sets no retry policy."
    )
    backoff_seconds: int = _setting(
        kinds.integer(0, 86_400, "seconds"), 300, "Delay before the second attempt; then doubled."
    )
    max_backoff_seconds: int = _setting(
        kinds.integer(0, 604_800, "seconds"),
        3600,
        "Longest delay before an attempt. Not less than the first delay.",
    )
    confidence_threshold: float = _setting(
        kinds.number(0, 1), 0.8, "Breakdowns below this confidence wait for a review."
    )
    rules_dir: Path | None = _setting(  # noqa: RUF009 a field, as all the others
        kinds.optional_folder(),
        None,
        "Folder of rule files that extend or override those that come along, as "
        "docs/decomposition.md says. A relative path counts from the project's folder.",
    )
    decomposition_model: str | None = _setting(
        kinds.name(),
        None,
        "Model that breaks tasks down, as its server names it. Unset: the rules do. See "
        "docs/models.md.",
    )
    decomposition_base_url: str | None = _setting(
        kinds.url("http", "https"),
        "https://api.openai.com/v1",
        "Server of the model: any that speaks OpenAI's chat completions.",
    )
    decomposition_api_key: str | None = _setting(
        kinds.key(), None, "Key for the model's server. Local servers ask for none."
    )
    decomposition_concurrency: int = _setting(
        kinds.integer(1, 64, "calls"),
        8,
        "Calls to the model at the same time, of all workers together.",
    )
    decomposition_calls_per_minute: int = _setting(
        kinds.integer(0, 100_000, "calls"),
        0,
        "Calls to the model in a minute, of all workers together; 0 sets no limit.",
    )
    decomposition_deadline_seconds: float = _setting(
        kinds.number(0.1, 1800, "seconds"), 120, "Longest a call to the model may take in all."
    )
    decomposition_budget_tokens: int = _setting(
        kinds.integer(0, 1_000_000_000, "tokens"),
        0,
        "Tokens after which the rules break the rest of a plan down; 0 sets no limit.",
    )
    decomposition_budget_usd: float = _setting(
        kinds.number(0, 1_000_000, "US dollars"),
        0,
        "Cost after which the rules break the rest of a plan down; 0 sets no limit.",
    )
    decomposition_input_usd: float = _setting(
        kinds.number(0, 100_000, "US dollars"),
        0,
        "Price of a million tokens that the model reads; 0 for both: what the server says.",
    )
    decomposition_output_usd: float = _setting(
        kinds.number(0, 100_000, "US dollars"),
        0,
        "Price of a million tokens that the model writes.",
    )
    decomposition_compare: str = _setting(
        kinds.choice("no", "yes"),
        "no",
        "Whether the rules run beside the model, so that agreement counts in the confidence.",
    )
    hours_per_day: float = _setting(
        kinds.number(0.5, 24, "hours"), 8, "Working hours counted for one day of an estimate."
    )
    source_url: str | None = _setting(
        kinds.url("http", "https"), None, "A PlanExe server that writes plans for this one."
    )
    source_api_key: str | None = _setting(
        kinds.secret(8), None, "Key for the PlanExe server; its cloud needs one."
    )
    source_kind: str = _setting(
        kinds.choice("auto", "cloud", "worker"),
        "auto",
        "Interface of the PlanExe server: tools (cloud) or runs (worker). `auto` asks it.",
    )
    source_model: str = _setting(
        kinds.text(), "auto", "Model that a PlanExe worker is asked to use, by its own name."
    )
    source_poll_seconds: int = _setting(
        kinds.integer(1, 3600, "seconds"), 15, "How often a plan being written is looked at."
    )
    source_timeout_hours: float = _setting(
        kinds.number(0.01, 720, "hours"), 12, "How long PlanExe may write at a plan."
    )
    finished_grace_seconds: int = _setting(
        kinds.integer(0, 604_800, "seconds"),
        60,
        "How long an ended execution stays in Redis once it is recorded in PostgreSQL.",
    )
    event_log_retention_days: float = _setting(
        kinds.number(0, 36_500, "days"),
        90,
        "How long a month's events stay in PostgreSQL once the last of its executions has ended; "
        "then they are put away into files.",
    )
    archive_dir: Path = _setting(  # noqa: RUF009 a field, as all the others
        kinds.folder(),
        Path("archive"),
        "Folder of the events that were put away. A relative path counts from the data folder.",
    )

    @classmethod
    def load(cls, environ: Mapping[str, str], dotenv: Path | None = None) -> "Settings":
        """Read and validate all settings; the environment wins over the file.

        Raises:
            SettingsError: Names every fault at once; correct them and start again.
        """
        values, faults = _gather(environ, dotenv)
        parsed: dict[str, Any] = {}
        for spec in specs():
            given = values.get(spec.env, "")
            if not given:
                continue
            try:
                parsed[spec.attribute] = spec.kind.parse(given)
            except ValueError:
                shown = "***" if spec.kind.secret else given
                faults.append(Fault(spec.env, shown, f"must be {spec.kind.accepts}"))
        base = dotenv.parent if dotenv else Path.cwd()
        parsed["data_dir"] = (base / parsed.get("data_dir", cls.data_dir)).resolve()
        if parsed.get("rules_dir"):
            parsed["rules_dir"] = (base / parsed["rules_dir"]).resolve()
        settings = cls(**parsed)
        faults += _contradictions(settings)
        if faults:
            raise SettingsError(faults)
        return settings

    @classmethod
    def of_process(cls) -> "Settings":
        """Load from this process's environment and the project's ``.env``."""
        return cls.load(os.environ, PROJECT / ".env")

    def environ(self) -> dict[str, str]:
        """Spell the settings as environment variables, for processes started from here."""
        found = {spec.env: getattr(self, spec.attribute) for spec in specs()}
        return {name: str(value) for name, value in found.items() if value is not None}


def specs() -> list[Spec]:
    """List what is known of each setting, in the order of ``Settings``."""
    return [
        Spec(item.name, item.metadata["kind"], item.default, item.metadata["about"])
        for item in fields(Settings)
    ]


def _gather(environ: Mapping[str, str], dotenv: Path | None) -> tuple[dict[str, str], list[Fault]]:
    faults: list[Fault] = []
    written: dict[str, str] = {}
    try:
        written = read_dotenv(dotenv) if dotenv else {}
    except DotenvError as error:
        faults.append(Fault("", "", str(error)))
    values = {**written, **{name: value for name, value in environ.items() if value}}
    known = [spec.env for spec in specs()]
    for name in sorted(values):
        if name.startswith(_PREFIX) and name not in known and name not in _OTHERS:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            # The value is not shown: a mistyped name may well carry a secret.
            faults.append(Fault(name, "…", f"is no setting; the nearest name is {near}"))
    return values, faults


def _contradictions(settings: Settings) -> list[Fault]:
    faults: list[Fault] = []
    if settings.lease_seconds <= settings.heartbeat_interval_seconds:
        wanted = f"must be more than the heartbeat interval ({settings.heartbeat_interval_seconds})"
        faults.append(Fault("PLANEXE_LEASE_SECONDS", str(settings.lease_seconds), wanted))
    if settings.max_backoff_seconds < settings.backoff_seconds:
        wanted = f"must not be less than the first delay ({settings.backoff_seconds})"
        value = str(settings.max_backoff_seconds)
        faults.append(Fault("PLANEXE_MAX_BACKOFF_SECONDS", value, wanted))
    if settings.persist_shards >= settings.worker_threads:
        wanted = f"must be less than PLANEXE_WORKER_THREADS ({settings.worker_threads})"
        faults.append(Fault("PLANEXE_PERSIST_SHARDS", str(settings.persist_shards), wanted))
    if settings.max_json_body_bytes > settings.max_body_bytes:
        wanted = f"must not be more than PLANEXE_MAX_BODY_BYTES ({settings.max_body_bytes})"
        value = str(settings.max_json_body_bytes)
        faults.append(Fault("PLANEXE_MAX_JSON_BODY_BYTES", value, wanted))
    if settings.max_file_bytes > settings.max_body_bytes:
        wanted = f"must not be more than PLANEXE_MAX_BODY_BYTES ({settings.max_body_bytes})"
        value = str(settings.max_file_bytes)
        faults.append(Fault("PLANEXE_MAX_FILE_BYTES", value, wanted))
    return faults
