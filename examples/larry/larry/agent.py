"""The one place that puts Larry together."""

import datetime as dt
import functools
import importlib
import secrets
from collections.abc import Callable
from typing import Any, Final

from planexe_agent import Agent, Permanent

from larry import connectors as real
from larry import simulated as twin
from larry.actions import all_actions
from larry.bounds import bounded
from larry.evidence import Evidence, NoEvidence, ServerEvidence
from larry.notebook import Notebook
from larry.ports import Mail, Places, Refused, Telephone, WebSearch, World
from larry.settings import Settings, SettingsError
from larry.tools import Tools
from larry.websites import Limits, Websites

_ROLE: Final = "Outreach, research and documents"
_KIB: Final = 1024


def build(settings: Settings, world: World | None = None) -> Agent:
    """Build the agent, ready to ``run``.

    Args:
        settings: Choose between the real connectors and their twins.
        world: What the twins live in; by default the one that the settings name.

    Raises:
        SettingsError: The world cannot be found.
        NotebookError: Another Larry works in this work folder.
    """
    made = tools(settings, world)
    agent = Agent(
        settings.url,
        settings.key,
        agent_id=settings.agent_id,
        name=settings.name,
        role=_ROLE,
        max_concurrent_tasks=settings.slots,
        instance=settings.instance or _instance(made.notebook),
        outbox=settings.work_dir / "outbox.sqlite3",
    )
    for name, function in all_actions(made).items():
        agent.action(name)(_told(function))
    return agent


def tools(settings: Settings, world: World | None = None) -> Tools:
    """Put together what the actions work with."""
    lived_in = world or _world(settings.world)
    notebook = Notebook(settings.work_dir / "notebook.sqlite3")
    pace = twin.Pace(settings.speed)
    return Tools(
        settings=settings,
        mail=_mail(settings, lived_in, notebook, pace),
        telephone=_telephone(settings, lived_in, notebook, pace),
        places=_places(settings, lived_in),
        web_search=_web_search(settings, lived_in),
        websites=_websites(settings),
        notebook=notebook,
        evidence=_evidence(settings, notebook),
        now=lambda: dt.datetime.now(dt.UTC),
    )


def _instance(notebook: Notebook) -> str:
    """Give the name of the Larry of this work folder: started again, he resumes his leases."""
    if notebook.get("larry", "instance") is None:
        notebook.put("larry", "instance", f"larry-{secrets.token_hex(4)}")
    return notebook.get("larry", "instance")


def _mail(settings: Settings, world: World, notebook: Notebook, pace: twin.Pace) -> Mail:
    if settings.mail == "smtp":
        return real.Mailbox(settings, notebook)
    return twin.SimulatedMail(world, notebook, pace)


def _telephone(settings: Settings, world: World, notebook: Notebook, pace: twin.Pace) -> Telephone:
    if settings.telephone == "twilio":
        return real.TwilioTelephone(settings, notebook)
    return twin.SimulatedTelephone(world, notebook, pace)


def _places(settings: Settings, world: World) -> Places:
    if settings.places == "google":
        return real.GooglePlaces(settings.places_url, settings.places_key)
    if settings.places == "file" and settings.places_file:
        return real.FilePlaces(settings.places_file)
    return twin.SimulatedPlaces(world)


def _web_search(settings: Settings, world: World) -> WebSearch:
    if settings.web_search == "brave":
        return real.BraveSearch(settings.web_search_url, settings.web_search_key)
    if settings.web_search == "file" and settings.web_search_file:
        return real.FileSearch(settings.web_search_file)
    return twin.SimulatedWebSearch(world)


def _websites(settings: Settings) -> Websites:
    limits = Limits(
        settings.web_delay_seconds, settings.web_timeout_seconds, settings.web_max_kib * _KIB
    )
    return Websites(limits, settings.web_allow)


def _evidence(settings: Settings, notebook: Notebook) -> Evidence:
    if not settings.key:
        return NoEvidence()
    return ServerEvidence(settings.url, settings.key, notebook)


def _world(named: str) -> World:
    if not named:
        return twin.QuietWorld()
    module, _, function = named.partition(":")
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"LARRY_WORLD={named}: there is no such world ({error})") from error


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep results within bounds; of what was refused, say that trying again is no use."""

    @functools.wraps(function)
    def told(*given: Any, **params: Any) -> Any:
        try:
            return bounded(function(*given, **params))
        except Refused as refusal:
            raise Permanent(str(refusal)) from refusal

    return told
