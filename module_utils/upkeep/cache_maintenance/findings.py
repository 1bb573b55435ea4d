# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what was seen and done to findings."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence

from ..base.text import limit_text, list_some, visible
from ..findings import Finding, Limits, finding
from .file_caches import ClassReport, totals
from .journal_hits import HitCount
from .leftover_files import LeftoverReport
from .redis_keys import FEW_MATCHES, IdleSample, KeyReport, ServerFacts
from .settings import EntryClass, FileCache, KeyPattern, Leftovers, RedisCache
from .sweeping import LIVES

NOTHING: t.Final = finding("cache:none", "info", "No cache is named for this host.")
_LONGEST: t.Final = 80
_MIB: t.Final = 1 << 20
_HOUR: t.Final = 3600


def not_seen(cache: FileCache | RedisCache, reason: str) -> Finding:
    """Return the finding for a cache that could not be looked at."""
    return cache.subject().finding("unknown", f"The cache was not looked at: {visible(reason)}.")


def freshness(cache: FileCache, kind: EntryClass, report: ClassReport) -> Finding:
    """Return how old the newest valid entry of a class is; stale ones are no fault by themselves.

    Readers fetch a stale entry anew, and until then it is what they have.
    """
    subject = cache.subject("fresh", kind.name)
    hours = kind.seconds / _HOUR
    stale = f"{report.stale} of {report.count} entries are older than {hours:g} h"
    if report.newest_valid is None:
        if not report.count:
            message = f"no entry is named {kind.files!r}"
            return subject.finding("info", message)
        advice = "run the scraper and see what it fetches"
        message = f"none of the {report.count} entries is valid: {_named(report.invalid)}; {advice}"
        return subject.finding("warning", message)

    age = round(report.newest_valid / _HOUR, 2)
    limits = Limits(warning=hours)
    status = "info" if limits.judge(age) != "ok" else "ok"
    message = f"the newest valid entry is {age:g} h old; {stale}"

    return subject.measured(age, limits, message, unit="h", status=status)


def expired(
    cache: FileCache, kind: EntryClass, report: ClassReport, rehearsal: bool
) -> Iterator[Finding]:
    """Yield what a sweep removed of a class, and what it kept though it is very old."""
    subject, kept = cache.subject("expired", kind.name), cache.subject("kept", kind.name)
    limit = f"older than {LIVES} lifetimes of {kind.seconds / _HOUR:g} h"
    details: dict[str, t.Any] = {"observed": report.due, "expected": 0, "unit": "entries"}
    if report.failed:
        message = (
            f"{_named(report.failed)} could not be removed: check owner and mode of the folder"
        )
        yield subject.finding("warning", message, **details)
    elif report.due and rehearsal:
        message = f"{report.due} entries would be removed, {limit}: {_named(report.removable)}"
        yield subject.finding("info", message, **details)
    elif report.due:
        message = f"{report.removed} entries were removed, {limit}: {_named(report.removable)}"
        yield subject.finding("ok", message, **details)
    else:
        yield subject.finding("ok", f"no entry that may be removed is {limit}", **details)

    if report.kept_count:
        message = (
            f"{report.kept_count} entries are {limit} and kept, since {report.reason}:"
            f" {_named(report.kept)}; see why their source gives nothing newer"
        )
        yield kept.finding("warning", message, observed=report.kept_count)


def emptied(
    cache: FileCache | RedisCache, name: str, due: int, removed: int, more: str, rehearsal: bool
) -> Finding:
    """Return what was removed on demand."""
    verb = f"{due} would be removed" if rehearsal else f"{removed} of {due} were removed"
    status = "info" if rehearsal else "ok" if removed == due else "warning"
    message = f"emptied on demand: {verb}{more}"

    return cache.subject("emptying", name).finding(status, message, observed=due)


def file_figures(cache: FileCache, reports: Mapping[str, ClassReport]) -> Iterator[Finding]:
    """Yield size, age and valid share of a cache, as far as they are asked for."""
    whole = totals(reports)
    if "size" in cache.aspects:
        size = round(whole.size / _MIB, 3)
        message = f"{whole.count} entries take {size:g} MiB"
        limits = Limits.of(cache.aspects["size"])
        yield cache.subject("size").measured(size, limits, message, "see what grew", unit="MiB")
    if "age" in cache.aspects:
        yield _age_spread(cache, reports)
    if "valid" in cache.aspects:
        yield _valid_share(cache, reports, whole)


def _age_spread(cache: FileCache, reports: Mapping[str, ClassReport]) -> Finding:
    spread = "; ".join(
        f"{name} {low / _HOUR:.1f}, {middle / _HOUR:.1f}, {high / _HOUR:.1f}, {most / _HOUR:.1f}"
        for name, report in reports.items()
        if report.ages
        for low, middle, high, most in [report.ages]
    )
    message = f"ages in hours (lowest, median, 90th percentile, highest): {spread or 'no entries'}"
    stale = totals(reports).stale

    return cache.subject("age").finding("ok", message, observed=stale, unit="stale entries")


def _valid_share(
    cache: FileCache, reports: Mapping[str, ClassReport], whole: ClassReport
) -> Finding:
    subject = cache.subject("valid")
    if not whole.sampled:
        return subject.finding("info", "there are no entries to validate")

    share = round(100 * whole.valid / whole.sampled, 1)
    message = f"{whole.valid} of {whole.sampled} entries pass validation"
    faults = [name for report in reports.values() for name in report.invalid]
    if whole.valid < whole.sampled:
        message += f"; not {_named(faults)}"
    limits = Limits(cache.aspects["valid"]["warning"], side="below")

    return subject.measured(share, limits, message, "refresh the cache", unit="%")


def file_hits(cache: FileCache, found: HitCount | str) -> Finding:
    """Return the share of lookups that a file cache could answer."""
    subject, options = cache.subject("hits"), cache.aspects["hits"]
    if isinstance(found, str):
        return subject.finding("unknown", f"the hits are not known: {visible(found)}")
    if not found.lookups:
        message = f"{options['unit']} has reported no lookups in {options['days']:g} days"
        return subject.finding("info", message)

    share = round(100 * found.hits / found.lookups, 1)
    message = f"{found.hits} of {found.lookups} lookups in {options['days']:g} days were answered"
    limits = Limits(options["warning"], side="below")

    return subject.measured(share, limits, message, "check the lifetimes", unit="%")


def redis_hits(cache: RedisCache, now: ServerFacts, before: ServerFacts | None) -> Finding:
    """Return the share of lookups that found their key, since the previous run."""
    subject, options = cache.subject("hits"), cache.aspects["hits"]
    since = before is not None and before.run_id == now.run_id and before.hits <= now.hits
    hits = now.hits - before.hits if before and since else now.hits
    misses = now.misses - before.misses if before and since else now.misses
    lookups = hits + misses
    if lookups < options["min_lookups"]:
        message = f"not enough lookups to judge ({lookups:.0f} of {options['min_lookups']})"
        return subject.finding("info", message)

    share = round(100 * hits / lookups, 1)
    when = "since the previous run" if since else "since the server started"
    message = f"{share:g} % of {lookups:.0f} lookups {when} found their key ({hits:.0f} hits)"
    limits = Limits(options["warning"], side="below")

    return subject.measured(share, limits, message, "check the lifetimes", unit="%")


def lifetimes(cache: RedisCache, pattern: KeyPattern, sample: IdleSample | str) -> Finding:
    """Return the share of keys that nobody has read for more than half of their life."""
    subject = cache.subject("lifetimes", pattern.name)
    if isinstance(sample, str):
        message = f"the idle times are not known: {visible(sample)}"
        return subject.finding("unknown", message)
    if not sample.sampled:
        return subject.finding("info", f"no key is named {visible(pattern.pattern)}")

    share = round(100 * sample.idle / sample.sampled, 1)
    message = (
        f"{sample.idle} of {sample.sampled} keys were not read for more than half of their"
        f" lifetime (median {sample.median_idle:.0f} s)"
    )
    if sample.lasting:
        message += f"; {sample.lasting} never expire"
    limits = Limits(cache.aspects["lifetimes"]["warning"])

    return subject.measured(share, limits, message, "shorten their lifetime", unit="%")


def swept_keys(
    cache: RedisCache, pattern: KeyPattern, report: KeyReport, rehearsal: bool, aspect: str
) -> Finding:
    """Return what was removed of a pattern, and what that cost other clients."""
    verb = "would be" if rehearsal else "were"
    count = report.due if rehearsal else report.removed
    message = (
        f"{count} keys {verb} removed of {report.matched} that match among {report.scanned}"
        f" ({report.share:g} %)"
    )
    if report.names:
        message += f", such as {_named(report.names)}"
    if report.protected:
        message += f"; {report.protected} protected ones stay"
    if not rehearsal:
        message += f"; another client had to wait at most {report.longest * 1000:.1f} ms"
    if report.matched and report.share < FEW_MATCHES:
        message += "; every key is read to find so few: set an expiry on them instead"

    status = "info" if rehearsal and report.due else "ok"
    if report.problem:
        status = "warning"
        message += f"; ended early, since {visible(report.problem)}: the next run goes on"

    return cache.subject(aspect, pattern.name).finding(status, message, observed=count)


def leftovers(entry: Leftovers, report: LeftoverReport | str, rehearsal: bool) -> Finding:
    """Return which files that tests left behind were removed."""
    subject = entry.subject
    if isinstance(report, str):
        return subject.finding("unknown", f"'{entry.root}' was not searched: {visible(report)}")

    stay = f"; {len(report.in_use)} in use and {report.young} younger ones stay"
    details: dict[str, t.Any] = {"observed": len(report.due), "expected": 0, "unit": "files"}
    if report.failed:
        message = (
            f"{_named(report.failed)} could not be removed: check owner and mode of the folder"
        )
        return subject.finding("warning", message, **details)
    if report.unread:
        message = f"{_named(report.unread)} could not be searched; {len(report.due)} files"
        message += f" {'would be' if rehearsal else 'were'} removed elsewhere{stay}"
        return subject.finding("unknown", message, **details)
    if not report.due:
        return subject.finding("ok", f"no file named {entry.files!r} is left over{stay}", **details)

    verb = "would be removed" if rehearsal else "were removed"
    message = f"{len(report.due)} files {verb}: {_named(report.due)}{stay}"

    return subject.finding("info" if rehearsal else "ok", message, **details)


def _named(names: Sequence[str]) -> str:
    return list_some([limit_text(visible(name), _LONGEST) for name in names], 3)
