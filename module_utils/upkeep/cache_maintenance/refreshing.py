# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the scrapers and warmings that are due, or that somebody asks for by name."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..base.deadline import Deadline
from ..base.redis_client import RedisError
from ..base.text import visible
from ..findings import Finding
from . import programs, redis_keys, scraper_units, sources
from .due import ScraperDecision, WarmingDecision, scraper_due, warming_due
from .file_caches import ClassReport, FileCacheError, Request, visit
from .settings import CacheSettings, FileCache, RedisCache, Scraper, Warming
from .state import CacheState, LastRun

#: Entries of a class that are validated to see whether a scraper is due.
_SAMPLE: t.Final = 2000


@dataclass
class Refresher:
    """Runs what is due; ``forbidden`` is why nothing may be run, '' when it may.

    ``done`` are lines on what was run, or would be.
    """

    settings: CacheSettings
    state: CacheState
    check_mode: bool
    forbidden: str
    findings: list[Finding] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def run_due(self) -> None:
        """Run scrapers, then warmings, that are due."""
        for scraper in self.settings.scrapers:
            self._scraper_if_due(scraper)
        for warming in self.settings.warmings:
            last = self.state.warmings.get(warming.name, LastRun())
            run_id = self._run_id(warming)
            self._warm(warming, warming_due(warming, last, run_id, time.time()), run_id)

    def run_named(self) -> None:
        """Run what the settings name, whether or not it is due."""
        names = self.settings.run
        for scraper in self.settings.scrapers:
            if scraper.name in names:
                asked = ScraperDecision(True, "asked for by hand", self.settings.switches)
                self.scrape(scraper, asked)
        for warming in self.settings.warmings:
            if warming.name in names:
                asked_all = WarmingDecision("all", "asked for by hand")
                self._warm(warming, asked_all, self._run_id(warming))

    def scrape(self, scraper: Scraper, decision: ScraperDecision) -> bool:
        """Run a scraper unless its sources are silent; return whether it succeeded."""
        subject = scraper.subject(decision.switches, decision.is_trigger)
        given = f" with {', '.join(decision.switches)}" if decision.switches else ""
        silent = sources.silent(scraper.sources, Deadline(self.settings.timeout))
        self.findings += [_source_finding(scraper, silent)] if scraper.sources else []
        if silent:
            message = f"{decision.reason}; not run, since {next(iter(silent))} does not answer"
            self.findings.append(subject.finding("warning", f"{message}: what is stale is kept"))
            return False
        if self.forbidden or self.check_mode:
            self._not_run(subject.finding, f"{decision.reason}; would run{given}", scraper.unit)
            return False

        began = time.time()
        try:
            scraper_units.run(scraper, decision.switches)
            status, message = "ok", f"{decision.reason}; {scraper.unit} ran{given}"
        except scraper_units.BusyError as error:
            self.findings.append(subject.finding("info", f"{decision.reason}; {error}"))
            return False
        except scraper_units.ScraperError as error:
            status = "warning"
            message = f"{decision.reason}; {scraper.unit} failed{given}: {visible(str(error))}"
            message += f": see journalctl -u {scraper.unit}; what is stale is kept"

        last = self.state.scrapers.get(scraper.name, LastRun())
        self.state.scrapers[scraper.name] = last.after(time.time(), status == "ok")
        self.done.append(f"run {scraper.unit}{given}")
        if status == "ok" and decision.is_trigger:
            message += self._drop_invalid(scraper, began)
        took = round(time.time() - began, 1)
        self.findings.append(subject.finding(status, message, observed=took, unit="s"))

        return status == "ok"

    def _scraper_if_due(self, scraper: Scraper) -> None:
        cache = self.cache_of(scraper)
        if cache is None:
            return
        try:
            reports = visit(cache, Request(sample=_SAMPLE), self.settings.timeout)
        except FileCacheError as error:
            message = f"whether it is due is not known: {visible(str(error))}"
            self.findings.append(scraper.subject().finding("unknown", message))
            return

        last = self.state.scrapers.get(scraper.name, LastRun())
        lives = {kind.name: kind.seconds for kind in cache.classes}
        decision = scraper_due(scraper, last, reports, lives, time.time())
        if decision.is_due:
            self.scrape(scraper, decision)
        else:
            subject = scraper.subject(is_trigger=scraper.triggers is not None)
            self.findings.append(subject.finding("ok", f"not due: {decision.reason}"))

    def _drop_invalid(self, scraper: Scraper, began: float) -> str:
        """Remove invalid entries that were not renewed; return the clause for the finding."""
        cache = self.cache_of(scraper)
        if cache is None:
            return ""
        try:
            request = Request(sample=_SAMPLE, removal="invalid", before=began)
            reports = visit(cache, request, self.settings.timeout)
        except FileCacheError as error:
            return f"; what is not valid was not removed: {visible(str(error))}"

        return f"; {_sum(reports, 'removed')} entries that were not valid were removed"

    def cache_of(self, scraper: Scraper) -> FileCache | None:
        """Return the file cache that a scraper fills, None when it is not on this host."""
        caches = (one for one in self.settings.file_caches if one.name == scraper.file_cache)

        return next(caches, None)

    def _run_id(self, warming: Warming) -> str:
        """Return the run id of the server, which changes at each start; '' when it is not known."""
        found: list[RedisCache] = [
            cache for cache in self.settings.redis_caches if cache.name == warming.redis_cache
        ]
        if not found:
            return ""
        try:
            with redis_keys.connect(found[0], Deadline(self.settings.timeout)) as redis:
                return redis_keys.facts(redis).run_id
        except (RedisError, TimeoutError):
            return ""

    def _warm(self, warming: Warming, decision: WarmingDecision, run_id: str) -> None:
        subject = warming.subject
        if not decision.scope:
            self.findings.append(subject.finding("ok", f"not due: {decision.reason}"))
            return
        if self.forbidden or self.check_mode:
            what = f"{decision.reason}; would warm {decision.scope}"
            self._not_run(subject.finding, what, f"warming {warming.name}")
            return

        argv = warming.argv if decision.scope == "all" else warming.restart_argv
        began, problem = time.time(), ""
        guard = str(Path(self.settings.state_file).with_name(f"warming-{warming.name}.guard"))
        try:
            programs.warm(warming, argv, guard, self.settings.timeout)
        except programs.HeldError as error:
            self.findings.append(subject.finding("info", f"{decision.reason}; {error}"))
            return
        except programs.ProgramError as error:
            problem = visible(str(error))

        last = self.state.warmings.get(warming.name, LastRun())
        now, took = time.time(), round(time.time() - began, 1)
        # What matters most was warmed, which puts off nothing of the rest.
        kept = last.after(now, not problem, run_id)
        if decision.scope == "important":
            kept = LastRun(now, last.good_at, run_id if not problem else last.run_id)
        self.state.warmings[warming.name] = kept
        self.done.append(f"warm {decision.scope} by {warming.name}")
        message = f"{decision.reason}; warmed {decision.scope} in {took:g} s"
        if problem:
            message = f"{decision.reason}; warming failed: {problem}"
        status = "warning" if problem else "ok"
        self.findings.append(subject.finding(status, message, observed=took, unit="s"))

    def _not_run(self, finding: t.Callable[..., Finding], what: str, line: str) -> None:
        if self.forbidden:
            self.findings.append(finding("info", f"{what}; not now: {self.forbidden}"))
        else:
            self.done.append(f"run {line}")
            self.findings.append(finding("info", what))


def _source_finding(scraper: Scraper, silent: Mapping[str, str]) -> Finding:
    ids = tuple(dict.fromkeys(one for source in scraper.sources for one in source.requirements))
    subject = scraper.subject()._replace(requirements=ids or scraper.requirements)
    names = ", ".join(source.name for source in scraper.sources)
    if not silent:
        return subject.finding("ok", f"{names} answered", aspect="sources", observed=0, expected=0)

    reasons = "; ".join(f"{name}: {visible(reason)}" for name, reason in silent.items())
    message = f"{reasons}: see whether the site or its address has changed"

    return subject.finding(
        "warning", message, aspect="sources", observed=len(silent), expected=0, unit="silent"
    )


def _sum(reports: Mapping[str, ClassReport], name: str) -> int:
    return sum(getattr(report, name) for report in reports.values())
