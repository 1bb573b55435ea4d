# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a warming or a scraper is due, and why. Pure decisions."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from .file_caches import ClassReport
from .settings import Scraper, Warming
from .state import LastRun

Scope = t.Literal["", "all", "important"]


class WarmingDecision(t.NamedTuple):
    """What to warm, nothing when it is not due, and the reason."""

    scope: Scope
    reason: str


class ScraperDecision(t.NamedTuple):
    """Whether to run a scraper, with which switches, and the reason."""

    is_due: bool
    reason: str
    switches: tuple[str, ...] = ()
    is_trigger: bool = False


def warming_due(warming: Warming, last: LastRun, run_id: str, now: float) -> WarmingDecision:
    """Return whether a warming is due; ``run_id`` is that of the server now, '' when unknown.

    A last run that lies in the future was written before the clock was set back.
    """
    since = _since(last.good_at, now)
    restarted = bool(run_id and last.run_id and run_id != last.run_id)
    if last.at and _since(last.at, now) < warming.pause and (restarted or since >= warming.every):
        return WarmingDecision("", f"the last try is less than {warming.pause / 60:g} minutes ago")
    if since >= warming.every:
        when = f"{since / 3600:.1f} h ago" if last.good_at else "never"
        return WarmingDecision("all", f"last warmed {when}")
    if restarted and warming.restart_argv:
        return WarmingDecision("important", "the server was restarted")

    return WarmingDecision("", f"last warmed {since / 3600:.1f} h ago")


def scraper_due(
    scraper: Scraper,
    last: LastRun,
    reports: Mapping[str, ClassReport],
    lives: Mapping[str, float],
    now: float,
) -> ScraperDecision:
    """Return whether a scraper is due for what was seen of its cache, by class.

    ``lives`` are the lifetimes of the classes in seconds.
    """
    decision = _reason(scraper, last, reports, lives, now)
    if decision.is_due and last.at and _since(last.at, now) < scraper.pause:
        wait = f"the last try is less than {scraper.pause / 60:g} minutes ago"
        return ScraperDecision(False, f"{decision.reason}, but {wait}", (), decision.is_trigger)

    return decision


def _reason(
    scraper: Scraper,
    last: LastRun,
    reports: Mapping[str, ClassReport],
    lives: Mapping[str, float],
    now: float,
) -> ScraperDecision:
    if scraper.triggers is not None:
        invalid = [name for report in reports.values() for name in report.invalid]
        if invalid:
            return _refresh(scraper, f"{invalid[0]} is not valid")
        changes = [report.change for report in reports.values() if report.change is not None]
        if changes and now - min(changes) > last.at:
            return _refresh(scraper, "the source has changed since the last run")

    for name in scraper.due_classes:
        age = reports[name].newest_valid if name in reports else None
        if age is None:
            return ScraperDecision(True, f"there is no valid entry of '{name}'")
        if age > lives[name]:
            hours = f"{age / 3600:.1f} h old, more than {lives[name] / 3600:g} h"
            return ScraperDecision(True, f"the newest entry of '{name}' is {hours}")

    return ScraperDecision(False, "what it fills is fresh")


def _refresh(scraper: Scraper, reason: str) -> ScraperDecision:
    switches = tuple(name for name in ("refresh", "validate") if name in scraper.switches)

    return ScraperDecision(True, reason, switches, True)


def _since(moment: float, now: float) -> float:
    """Return the seconds since a moment; a long time for one in the future."""
    return now - moment if moment <= now else now
