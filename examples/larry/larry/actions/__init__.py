"""What Larry does: each action by the name that plans have for it.

An action is thin: it finds out who and what is meant, asks a port, and says how it ended.
"""

from collections.abc import Callable, Mapping
from typing import Any

from larry.actions.analysis import Analysis
from larry.actions.appointments import Appointments
from larry.actions.calls import Calls
from larry.actions.documents import Documents
from larry.actions.interviews import Interviews
from larry.actions.letters import Letters
from larry.actions.quotes import Quotes
from larry.actions.research import Research
from larry.actions.tables import Tables
from larry.actions.wireframes import Wireframes
from larry.tools import Tools


def all_actions(tools: Tools) -> Mapping[str, Callable[..., Any]]:
    """Give every action, ready to be decorated."""
    letters, documents, research = Letters(tools), Documents(tools), Research(tools)
    return {
        "send_email": letters.send_email,
        "wait_for_reply": letters.wait_for_reply,
        "make_phone_call": Calls(tools).make_phone_call,
        "search_places": research.search_places,
        "web_search": research.web_search,
        "analyze_website": research.analyze_website,
        "analyze_data": Analysis(tools).analyze_data,
        "schedule_calendar_event": Appointments(tools).schedule_calendar_event,
        "manage_csv": Tables(tools).manage_csv,
        "document_findings": documents.document_findings,
        "draft_document": documents.draft_document,
        "create_wireframes": Wireframes(tools).create_wireframes,
        "build_quote": Quotes(tools).build_quote,
        "conduct_interview": Interviews(tools).conduct_interview,
    }
