"""The pages: what runs, what waits, and what needs its owner.

Pages are rendered here and work without scripts; scripts keep them up to date over one WebSocket.
"""

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, make_response, redirect, request, url_for
from flask import Response as FlaskResponse

from app.dashboard import presentation, refusals, security, session
from app.dashboard.agents import AgentPages
from app.dashboard.assets import Assets
from app.dashboard.bulk import BulkPages
from app.dashboard.execution_list import ExecutionListPages
from app.dashboard.executions import ExecutionPages
from app.dashboard.item import ItemPages
from app.dashboard.plans import PlanPages
from app.dashboard.ports import Services
from app.dashboard.review import ReviewPages
from app.dashboard.settings import SettingsPages
from app.dashboard.sign_in import SignInPages
from app.dashboard.start import StartPages
from app.dashboard.together import TogetherPages
from app.dashboard.waiting import WaitingPages

_OPEN_ENDPOINTS = frozenset({"dashboard.sign_in", "dashboard.submit_key", "dashboard.asset"})


def create_blueprint(services: Services) -> Blueprint:
    """Build the pages; they expect to live at the root of the site."""
    blueprint = Blueprint("dashboard", __name__, template_folder="templates")
    assets = Assets()
    blueprint.add_url_rule("/assets/<version>/<path:name>", "asset", assets.serve)
    SignInPages(services.identity).register(blueprint)
    items = ItemPages(
        services.executions,
        services.items,
        services.history,
        services.blockers,
        services.agents,
        services.people,
    )
    items.register(blueprint)
    BulkPages(services.executions, services.people, services.blockers).register(blueprint)
    ExecutionListPages(services.execution_list, services.plans, services.agents).register(blueprint)
    TogetherPages(
        services.execution_list,
        services.executions,
        services.inbox,
        services.blockers,
        services.agents,
    ).register(blueprint)
    ExecutionPages(
        services.executions,
        services.history,
        services.blockers,
        services.agents,
        services.verification,
        services.plans,
        items,
    ).register(blueprint)
    PlanPages(
        services.plans,
        services.imports,
        services.review,
        services.decomposition,
        services.versions,
        services.executions,
    ).register(blueprint)
    StartPages(services.plans, services.readiness, services.executions).register(blueprint)
    ReviewPages(
        services.plans, services.review, services.decomposition, services.versions
    ).register(blueprint)
    AgentPages(services.agents, services.keys).register(blueprint)
    SettingsPages(services.keys).register(blueprint)
    waiting = WaitingPages(
        services.blockers, services.people, services.inbox, services.agents, services.files
    )
    waiting.register(blueprint)
    blueprint.before_request(_guard)
    blueprint.after_request(security.protect)
    blueprint.app_context_processor(_shared(assets, waiting))
    refusals.register(blueprint)
    return blueprint


def not_found() -> FlaskResponse:
    """Tell somebody with a browser that no page has this address."""
    return security.protect(make_response(refusals.no_such_page()))


def _guard() -> refusals.Answer | None:
    """Let nobody in who is not signed in, and no form that this site did not make."""
    if request.endpoint not in _OPEN_ENDPOINTS and session.current_principal() is None:
        if refusals.asks_for_json():
            return refusals.signed_out()
        wanted = request.full_path.removesuffix("?") if request.method == "GET" else ""
        address = url_for("dashboard.sign_in", next=wanted or None)
        return redirect(address, HTTPStatus.SEE_OTHER)
    if request.method == "POST" and not session.csrf_matches(request.form.get("csrf_token", "")):
        return refusals.stale_form()
    return None


def _shared(assets: Assets, waiting: WaitingPages) -> Callable[[], dict[str, object]]:
    """Give what every template may use."""

    def names() -> dict[str, object]:
        return {
            "asset": assets.url,
            "import_map": assets.import_map,
            "csp_nonce": security.nonce,
            "csrf_token": session.csrf_token,
            "principal": session.current_principal(),
            "inbox_count": waiting.count,
            "evidence_limits": waiting.limits,
            "words": presentation.WORDS,
            **presentation.FOR_TEMPLATES,
        }

    return names
