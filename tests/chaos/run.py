"""One run: start, break, let it recover, prove."""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.chaos import proof
from tests.chaos.faults import Fault, may_trace
from tests.chaos.journal import Journal
from tests.chaos.load import Load
from tests.chaos.schedule import Budget, draw
from tests.chaos.site import DidNotHappen, Site, until
from tests.chaos.table import Window, render, rows

_BACK_SECONDS: Final = 120.0
_END_SECONDS: Final = 240.0
_CALM_SECONDS: Final = 0.3
_SHOWN: Final = 20


class Run:
    """Breaks a site by a seed for a time, and judges it."""

    def __init__(self, folder: Path, budget: Budget, seed: int) -> None:
        self._began_s = time.monotonic()
        self._budget = budget
        self._seed = seed
        self._journal = Journal(folder / "journal")
        self._site = Site(folder)
        self._load = Load(self._site, self._journal, seed)
        self._windows: list[Window] = []

    def go(self, faults: Sequence[Fault]) -> bool:
        """Do all of it; tells whether everything held."""
        self._say(f"seed {self._seed}; slow disk by {'strace' if may_trace() else 'pulses'}")
        try:
            self._site.start()
            self._load.start()
            self._say("the site serves and the agents work")
            findings = self._break(faults)
        except (DidNotHappen, AssertionError) as error:
            findings = proof.Findings(others=[f"{type(error).__name__}: {error}"])
        finally:
            self._load.end()
            self._site.end()
        return self._judge(findings)

    def _break(self, faults: Sequence[Fault]) -> proof.Findings:
        chance = random.Random(self._seed)
        deadline_s = self._began_s + self._budget.minutes * 60 - self._budget.reserve_s
        for fault in draw(faults, self._budget, chance, deadline_s):
            self._do(fault, chance)
        self._load.begin_no_more()
        site = self._site
        self._say("what has begun is carried out")
        until("all executions end", lambda: not proof.unfinished(site), _END_SECONDS)
        until("all executions leave Redis", lambda: not proof.left_in_redis(site), _END_SECONDS)
        self._load.end()
        self._say("all executions have ended and left Redis; the proof begins")
        return proof.prove(site, self._load.started, self._journal.acks)

    def _do(self, fault: Fault, chance: random.Random) -> None:
        hold_s = self._budget.hold_s(fault)
        start_s = time.monotonic()
        try:
            fault.do(self._site, chance, hold_s)
            over_s = time.monotonic()
            until(f"the site is ready after: {fault.name}", self._site.is_ready, _BACK_SECONDS)
            heard = self._journal.all_heard_since
            until(
                f"all agents are answered after: {fault.name}", lambda: heard(over_s), _BACK_SECONDS
            )
            back_s = time.monotonic() - over_s
            time.sleep(_CALM_SECONDS)
        finally:
            self._windows.append(Window(fault.name, start_s, time.monotonic()))
        waited = self._journal.longest_wait(start_s, time.monotonic())
        self._say(
            f"{fault.name}: held {hold_s:g} s, all agents answered {back_s:.1f} s after it, "
            f"longest wait {waited:.1f} s"
        )

    def _judge(self, findings: proof.Findings) -> bool:
        findings.others += self._journal.surprises
        if self._windows:
            print(render(rows(self._windows, self._journal, findings)))
        for what, count in self._journal.troubles.most_common():
            self._say(f"asked again {count} times after: {what}")
        for ack in [*findings.lost, *findings.duplicated][:_SHOWN]:
            print(f"Wrong: event {ack.event_id} of {ack.execution_id}, seq {ack.seq}")
        for sentence in findings.others[:_SHOWN]:
            print(f"Wrong: {sentence}")
        print(self._sum(findings))
        return not findings

    def _sum(self, findings: proof.Findings) -> str:
        took = time.monotonic() - self._began_s
        return (
            f"{'FAILED' if findings else 'Held'}: {len(self._windows)} faults in {took:.0f} s, "
            f"{len(self._journal.acks)} events acknowledged, {len(findings.lost)} lost, "
            f"{len(findings.duplicated)} duplicated, {findings.executions} executions and "
            f"{findings.events} events proved, {len(findings.others)} other findings."
        )

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self._began_s:6.1f} s  {what}", flush=True)
