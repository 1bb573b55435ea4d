# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a finished run's folder to the place where its record is kept."""

from __future__ import annotations

import typing as t
from pathlib import Path

from upkeep.kpi import open_history
from upkeep.kpi.figures import FigureDay, address_of, parse_keep
from upkeep.report import render as report
from upkeep.report import trends
from upkeep.run import record
from upkeep.run.types import RunRecord
from upkeep.store import StoreError, open_store


class StoreSettings(t.NamedTuple):
    """Where a run and its key figures are kept, as the user gave it."""

    store: str
    history: str = ""
    history_days: str = ""


class Closed(t.NamedTuple):
    """What became of a finished run; ``problem`` is why its figures are not in the history."""

    page: Path
    record: RunRecord
    problem: str


def local_folder(target: str, project: Path) -> Path:
    """Return the directory that runs are written to.

    For a database address it is the project's own store.
    """
    if "://" in target:
        return project / "store"

    given = Path(target).expanduser()

    return given if given.is_absolute() else project / target


def close(run_dir: Path, settings: StoreSettings) -> Closed:
    """Fold the run's log, keep its key figures, render it and hand it to the store.

    The log is read and folded once. Raises StoreError and OSError; trouble with the history is only
    named, since `python -m upkeep kpis --rebuild` takes the samples from the record.
    """
    folded = record.of_folder(run_dir)
    root = settings.store if "://" in settings.store else str(run_dir.parent.parent)
    rows, problem = keep_figures(folded, root, settings)
    page = report.write(run_dir, folded, rows)
    open_store(root).save(run_dir, folded)

    return Closed(page, folded, problem)


def trouble_with(target: str) -> str:
    """Return why a database could not keep a run, '' when it could.

    A directory shows that by being written to.
    """
    if "://" not in target:
        return ""

    try:
        open_store(target)
    except StoreError as error:
        return f"{error}"

    return ""


def keep_figures(
    folded: RunRecord, root: str, settings: StoreSettings
) -> tuple[report.Trends | None, str]:
    """Add the run's key figures to the history.

    Return the rows for its page, and what went wrong ('' for nothing). Never raises.
    """
    if not folded["kpis"]:
        return None, ""

    try:
        days = _kept_days(folded, root, settings)
    except Exception as error:
        return trends.of_run(folded["kpis"], []), f"{error}"

    return trends.of_run(folded["kpis"], days), ""


def _kept_days(folded: RunRecord, root: str, settings: StoreSettings) -> list[FigureDay]:
    """Keep the run's samples and return the last days of its systems."""
    opened = open_history(address_of(root, settings.history), parse_keep(settings.history_days))
    try:
        opened.keep(folded)
        systems = {sample["system"] for sample in folded["kpis"]}
        return [day for system in sorted(systems) for day in opened.days(system, trends.DAYS)]
    finally:
        opened.close()
