"""Agents ask how a task breaks down into what they can do."""

import msgspec

from app.domain.agents import Capability
from app.domain.errors import NotFound
from app.domain.ids import new_id
from app.domain.plan import Plan
from app.live.inquiries import Inquiries
from app.services.agents import AgentService
from app.services.identity import Principal
from app.services.jobs import Jobs
from app.services.model import Purpose
from app.services.strategies import Strategies
from app.services.views import View, breakdown_view
from decomposer.breakdown import Decomposer
from decomposer.errors import ModelBusy
from decomposer.readers import PlanSource, ReadLimits, read_plan
from decomposer.strategy import Defaults, Frame


class Question(msgspec.Struct, frozen=True):
    """What an agent asks: a plan of one task, and what the agent can do."""

    agent_id: str
    plan: Plan
    capabilities: list[Capability]


class InquiryService:
    """Answers at once by the rules; where a model is set up, a worker asks it."""

    def __init__(
        self,
        inquiries: Inquiries,
        agents: AgentService,
        strategies: Strategies,
        limits: ReadLimits,
        defaults: Defaults,
        jobs: Jobs,
    ) -> None:
        self._inquiries = inquiries
        self._agents = agents
        self._strategies = strategies
        self._limits = limits
        self._defaults = defaults
        self._jobs = jobs

    def ask(
        self, principal: Principal, agent_id: str, request: View, wait_seconds: float
    ) -> tuple[str, View | None]:
        """Break a task down; give the id of the inquiry, and the answer where it came in time.

        Raises:
            NotFound: There is no such agent.
            InvalidPlan: The task cannot be read.
        """
        question = self._question(principal, agent_id, request)
        workspace_id, inquiry_id = principal.workspace_id, new_id("inq")
        if not self._strategies.has_model:
            return inquiry_id, self._breakdown(question, self._strategies.by_rules())
        self._inquiries.put(workspace_id, inquiry_id, msgspec.json.encode(question))
        self._jobs.answer_inquiry(workspace_id, inquiry_id)
        self._inquiries.wait(workspace_id, inquiry_id, wait_seconds)
        return inquiry_id, self.get(principal, agent_id, inquiry_id)

    def _question(self, principal: Principal, agent_id: str, request: View) -> Question:
        capabilities = self._agents.find(principal.workspace_id, agent_id).capabilities
        if request.get("agent_capabilities"):
            capabilities = msgspec.convert(request["agent_capabilities"], list[Capability])
        context = request["plan_context"]
        phase = {"name": context.get("phase") or "Plan", "tasks": [request["task"]]}
        document = {
            "title": context.get("title") or "Plan",
            "goal": context.get("goal") or context.get("plan_goal") or "",
            "phases": [phase],
        }
        plan = read_plan(PlanSource.from_json(document), self._limits, new_id("plan"))
        return Question(agent_id, plan, capabilities)

    def get(self, principal: Principal, agent_id: str, inquiry_id: str) -> View | None:
        """Give the answer to an inquiry; None while there is none.

        Raises:
            NotFound: There is no such inquiry of this agent, or not any more.
        """
        question, answer = self._inquiries.get(principal.workspace_id, inquiry_id)
        if question is None or msgspec.json.decode(question, type=Question).agent_id != agent_id:
            raise NotFound(f"There is no decomposition {inquiry_id!r}.")
        return msgspec.json.decode(answer) if answer else None

    def answer(self, workspace_id: str, inquiry_id: str, *, last_try: bool = False) -> None:
        """Have the model answer an inquiry; doing it again changes nothing.

        Raises:
            ModelBusy: Try again later.
        """
        raw, answer = self._inquiries.get(workspace_id, inquiry_id)
        if raw is None or answer is not None:
            return
        question = msgspec.json.decode(raw, type=Question)
        purpose = Purpose(workspace_id, inquiry_id)
        try:
            view = self._breakdown(question, self._strategies.by_model(purpose))
        except ModelBusy as error:
            if not last_try:
                raise
            view = self._breakdown(question, self._strategies.instead(error))
        self._inquiries.answer(workspace_id, inquiry_id, msgspec.json.encode(view))

    def _breakdown(self, question: Question, decomposer: Decomposer) -> View:
        frame = Frame(question.plan, question.capabilities, self._defaults)
        return breakdown_view(decomposer.task(question.plan.tasks[0], frame))
