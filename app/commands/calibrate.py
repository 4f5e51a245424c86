"""``planexe-ax calibrate``: the confidence of breakdowns against what became of them."""

import argparse

import msgspec

from app.commands.reach import reach
from app.record.engine import connect
from app.record.outcomes import Outcomes
from config.settings import Settings
from decomposer.calibration import Calibration, Outcome, calibrate


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the command may be asked for."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--executions", type=int, default=1000, help="newest ended executions to read (1000)"
    )


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Do what the options ask for."""
    with reach(settings) as reached:
        engine = connect(reached.database_url or "", pool_size=1)
        try:
            found = calibration_of(Outcomes(engine), options.executions)
        finally:
            engine.dispose()
    print(msgspec.json.encode(found).decode() if options.json else table(found))
    return 0


def calibration_of(outcomes: Outcomes, most: int) -> Calibration:
    """Compare the newest executions with what was predicted of them."""
    found = outcomes.newest(most)
    told = [
        Outcome(one.confidence, one.strategy, one.subtasks, one.smooth) for one in found.outcomes
    ]
    return calibrate(told, found.archived)


def table(found: Calibration) -> str:
    """Write a calibration for people."""
    away = [_away(found.archived)] if found.archived else []
    if found.brier is None:
        told = f"Nothing was predicted yet ({found.given} tasks brought their own subtasks)."
        return "\n".join([told, *away])
    lines = ["confidence   tasks  predicted  went as planned: tasks, subtasks"]
    lines += [
        f"{one.low:.1f} to {one.high:.1f}  {one.tasks:6}  {one.predicted:9.2f}"
        f"  {one.tasks_smooth:22.0%}, {one.subtasks_smooth:8.0%}"
        for one in found.buckets
    ]
    lines.append(f"Brier score {found.brier:.3f} over {found.tasks} tasks (0 is best).")
    return "\n".join([*lines, *away])


def _away(executions: int) -> str:
    many = "1 execution is" if executions == 1 else f"{executions} executions are"
    told = "the events are in an archive. `planexe-ax history import MONTH` brings them back."
    return f"{many} left out: {told}"
