# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a finished run's folder to the place where its record is kept."""

from __future__ import annotations

import typing as t
from pathlib import Path

from upkeep.kpi import history
from upkeep.kpi.downsampling import Keep
from upkeep.report import render as report
from upkeep.report import trends
from upkeep.run import record
from upkeep.store import base as store


def local_folder(target: str, project: Path) -> Path:
    """Return the directory that runs are written to.

    For a database address it is the project's own store.
    """
    if "://" in target:
        return project / "store"

    return (
        Path(target).expanduser() if Path(target).expanduser().is_absolute() else project / target
    )


def trouble_with(target: str) -> str:
    """Return why a database could not keep a run, '' when it could.

    A directory shows that by being written to.
    """
    if "://" not in target:
        return ""

    try:
        store.open_store(target)
    except store.StoreError as error:
        return f"{error}"

    return ""


def publish(run_dir: Path, target: str, told: report.Trends | None = None) -> Path:
    """Render the run, hand it to the store and return the path of the report.

    ``told`` are rows of key figures.
    """
    page = report.render(run_dir, told)
    if "://" in target:
        store.open_store(target).save(run_dir)
    else:
        store.open_store(str(run_dir.parent.parent)).save(run_dir)

    return page


def keep_figures(run_dir: Path, address: str, keep: Keep) -> tuple[report.Trends | None, str]:
    """Add the run's key figures to the history.

    Return the rows for its page, and what went wrong ('' for nothing).

    Never raises: the run's record holds the same samples, and `python -m upkeep kpis --rebuild`
    takes them from there.
    """
    folded: t.Any = None

    try:
        events, unreadable = record.read_log(run_dir / report.LOG_NAME)
        folded = record.fold(events, run_id=run_dir.name, unreadable=unreadable)
        if not folded["kpis"]:
            return None, ""

        opened = history.History(address, keep)
        try:
            opened.keep(folded)
            systems = {sample["system"] for sample in folded["kpis"]}
            days = [day for system in sorted(systems) for day in opened.days(system, trends.DAYS)]
        finally:
            opened.close()
    except Exception as error:
        told = trends.of_run(folded["kpis"], []) if folded else None
        return told, f"{error}"

    return trends.of_run(folded["kpis"], days), ""


def keep_of(words: str) -> Keep:
    """Return for how long figures are kept, from text such as ``90,365,3650`` (days).

    Raises HistoryError.
    """
    if not words:
        return Keep()

    try:
        keep = Keep(*(int(word) for word in words.split(",")))
    except (TypeError, ValueError):
        raise history.HistoryError(
            f"'{words}' must be up to three numbers of days, such as 90,365,3650"
        ) from None

    for problem in keep.problems():
        raise history.HistoryError(problem)

    return keep
