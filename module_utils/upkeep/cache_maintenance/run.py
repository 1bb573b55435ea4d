# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over all caches of a host."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Iterator

from .. import acceptance
from ..base.deadline import Deadline
from ..base.isolated import IsolatedError
from ..base.redis_client import RedisError
from ..base.state_file import StateFileError
from ..findings import Finding, finding
from . import findings as report
from . import journal_hits, leftover_files, redis_keys, state
from .due import ScraperDecision
from .file_caches import ClassReport, FileCacheError, Request, totals, visit
from .redis_keys import ServerFacts
from .refreshing import Refresher
from .settings import ALL, CacheSettings, FileCache, KeyPattern, Leftovers, RedisCache


def run(settings: CacheSettings, check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer: what was seen and done with all caches."""
    return CacheKeeper(settings, check_mode).answer()


class CacheKeeper:
    """Does the work of one call."""

    def __init__(self, settings: CacheSettings, check_mode: bool) -> None:
        self._settings = settings
        self._check_mode = check_mode
        self._forbidden = forbidden(settings)
        self._rehearsal = check_mode or bool(self._forbidden)
        self._state = state.load(settings.state_file)
        self._refresher = Refresher(settings, self._state, check_mode, self._forbidden)
        self._findings: list[Finding] = []
        self._done: list[str] = []

    def answer(self) -> dict[str, t.Any]:
        """Do all of it and return the module's answer."""
        if self._settings.empty:
            self._empty()
        elif self._settings.run:
            self._refresher.run_named()
        else:
            self._keep()

        findings = [*self._findings, *self._refresher.findings]
        if self._settings.is_empty:
            findings = [report.NOTHING]
        elif not self._check_mode:
            findings += self._save()
        done = [*self._done, *self._refresher.done]

        return {
            "changed": bool(done),
            "actions": done,
            "findings": findings,
            "diff": {"before": "".join(f"due: {line}\n" for line in done), "after": ""},
        }

    def _keep(self) -> None:
        work = self._settings.work
        if "refresh" in work:
            self._refresher.run_due()
        if not work & {"sweep", "look"}:
            return

        for cache in self._settings.file_caches:
            self._keep_files(cache)
        for server in self._settings.redis_caches:
            self._keep_redis(server)
        for entry in self._settings.leftovers if "sweep" in work else ():
            self._note_leftovers(entry)

    # --- files

    def _keep_files(self, cache: FileCache) -> None:
        looks, sweeps = ("look" in self._settings.work, "sweep" in self._settings.work)
        request = Request(
            sample=cache.aspects["valid"]["sample"] if looks and "valid" in cache.aspects else 0,
            removal="expired" if sweeps else "",
            rehearsal=self._rehearsal,
        )
        reports = self._visited(cache, request)
        if reports is None:
            return

        for kind in cache.classes:
            seen = reports[kind.name]
            if looks:
                self._findings.append(report.freshness(cache, kind, seen))
            if sweeps:
                self._findings += report.expired(cache, kind, seen, self._rehearsal)
                self._note_removal(f"expired entries of {cache.name}.{kind.name}", seen)
        if looks:
            self._findings += report.file_figures(cache, reports)
            self._findings += self._file_hits(cache)

    def _file_hits(self, cache: FileCache) -> Iterator[Finding]:
        if "hits" not in cache.aspects:
            return
        try:
            yield report.file_hits(
                cache, journal_hits.read(cache.aspects["hits"], self._settings.timeout)
            )
        except IsolatedError as error:
            yield report.file_hits(cache, str(error))

    def _visited(self, cache: FileCache, request: Request) -> dict[str, ClassReport] | None:
        try:
            return visit(cache, request, self._settings.timeout)
        except FileCacheError as error:
            self._findings.append(report.not_seen(cache, str(error)))
            return None

    def _note_removal(self, what: str, seen: ClassReport) -> None:
        count = seen.removed if not self._rehearsal else seen.due
        if count and not self._forbidden:
            self._done.append(f"remove {count} {what}")

    # --- Redis

    def _keep_redis(self, cache: RedisCache) -> None:
        try:
            with redis_keys.connect(cache, Deadline(self._settings.timeout)) as redis:
                now = redis_keys.facts(redis)
        except (RedisError, TimeoutError) as error:
            self._findings.append(report.not_seen(cache, str(error)))
            return

        if "look" in self._settings.work:
            self._look_at_redis(cache, now)
        for pattern in cache.patterns if "sweep" in self._settings.work else ():
            if pattern.sweep_idle is not None:
                self._remove_keys(cache, pattern, pattern.sweep_idle, "swept")

    def _look_at_redis(self, cache: RedisCache, now: ServerFacts) -> None:
        if "hits" in cache.aspects:
            before = self._state.servers.get(cache.name)
            self._findings.append(report.redis_hits(cache, now, before))
            self._state.servers[cache.name] = now
        for pattern in cache.patterns if "lifetimes" in cache.aspects else ():
            self._findings.append(report.lifetimes(cache, pattern, self._sample(cache, pattern)))

    def _sample(self, cache: RedisCache, pattern: KeyPattern) -> redis_keys.IdleSample | str:
        most = cache.aspects["lifetimes"]["sample"]
        try:
            with redis_keys.connect(cache, Deadline(self._settings.timeout)) as redis:
                return redis_keys.sample_idle(redis, pattern, most)
        except (RedisError, TimeoutError) as error:
            return str(error)

    def _remove_keys(
        self, cache: RedisCache, pattern: KeyPattern, idle: float | None, aspect: str
    ) -> None:
        timeout = self._settings.timeout
        try:
            seen = redis_keys.remove(cache, pattern, timeout, idle=idle, rehearsal=self._rehearsal)
        except (RedisError, TimeoutError) as error:
            self._findings.append(report.not_seen(cache, str(error)))
            return

        found = report.swept_keys(cache, pattern, seen, self._rehearsal, aspect)
        self._findings.append(found)
        if found["observed"] and not self._forbidden:
            self._done.append(f"remove {found['observed']} keys of {cache.name}.{pattern.name}")

    # --- leftovers and emptying

    def _note_leftovers(self, entry: Leftovers) -> None:
        seen: leftover_files.LeftoverReport | str
        try:
            seen = leftover_files.clean(entry, self._rehearsal, self._settings.timeout)
        except leftover_files.LeftoverError as error:
            seen = str(error)

        self._findings.append(report.leftovers(entry, seen, self._rehearsal))
        if isinstance(seen, str) or self._forbidden:
            return
        self._done += [f"remove {path}" for path in (seen.due if self._rehearsal else seen.removed)]

    def _empty(self) -> None:
        """Empty the caches that this call names; those that a scraper fills are renewed first."""
        for cache in self._settings.file_caches:
            names = self._asked(cache.name, [kind.name for kind in cache.classes])
            if names:
                self._empty_files(cache, names)
        for server in self._settings.redis_caches:
            names = self._asked(server.name, [pattern.name for pattern in server.patterns])
            for pattern in server.patterns:
                if pattern.name in names:
                    self._remove_keys(server, pattern, None, "emptying")

    def _asked(self, name: str, parts: list[str]) -> tuple[str, ...]:
        """Return which classes or patterns of a cache are to be emptied."""
        asked = self._settings.empty
        if ALL in asked or name in asked:
            return tuple(parts)

        return tuple(part for part in parts if f"{name}.{part}" in asked)

    def _empty_files(self, cache: FileCache, names: tuple[str, ...]) -> None:
        before = time.time()
        fills = [
            one
            for one in self._settings.scrapers
            if one.file_cache == cache.name and "refresh" in one.switches
        ]
        for scraper in fills:
            asked = ScraperDecision(True, "its cache is emptied by hand", ("refresh",), True)
            if not self._refresher.scrape(scraper, asked) and not self._rehearsal:
                message = "not emptied, since what is there could not be renewed"
                self._findings.append(cache.subject("emptying").finding("warning", message))
                return

        request = Request(
            removal="everything", rehearsal=self._rehearsal, classes=names, before=before
        )
        reports = self._visited(cache, request)
        for name in names if reports else ():
            seen = (reports or {})[name]
            more = "; the rest was renewed" if fills and not self._rehearsal else ""
            self._findings.append(
                report.emptied(cache, name, seen.due, seen.removed, more, self._rehearsal)
            )
        if reports:
            self._note_removal(f"entries of {cache.name}", totals(reports))

    def _save(self) -> list[Finding]:
        """Keep the state for the next run; return a finding when that is not possible."""
        if self._state == state.CacheState():
            return []
        try:
            state.save(self._settings.state_file, self._state)
        except StateFileError as error:
            message = f"what happened cannot be kept for the next run: {error}"
            return [finding("cache:state", "warning", message)]

        return []


def forbidden(settings: CacheSettings) -> str:
    """Return why nothing may be changed; empty when it may."""
    if settings.require_acceptance and not acceptance.is_accepted(settings.accepted_file):
        return "nobody has accepted this host yet"

    return settings.forbidden
