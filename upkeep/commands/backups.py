# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``upkeep backups``: the backup sets of all hosts, as the newest kept runs saw them."""

from __future__ import annotations

import argparse
import typing as t
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import PurePath

from ansible.module_utils.upkeep.backup import listing, manifest

from upkeep.commands.common import Verbs, note_nothing, opened, positive, print_json
from upkeep.report import summary
from upkeep.run.types import FoldedFinding, RunRecord
from upkeep.store import Store

#: Runs of these look at no set, and there are many of them.
_WITHOUT_SETS: t.Final = ("quarter_hourly", "hourly")
_HOUR: t.Final = 3600.0
_UNITS: t.Final = ("bytes", "KiB", "MiB", "GiB", "TiB")


class HostSets(t.TypedDict):
    """The sets of one host, newest first, as one run saw them; ``rehearsal`` is its sentence."""

    system: str
    host: str
    run_id: str
    seen: str | None
    status: str
    message: str
    rehearsal: str
    sets: list[dict[str, t.Any]]


def add(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "backups", parents=[shared], help="list the backup sets that the newest runs saw"
    )
    parser.add_argument("--system", help="only this system")
    parser.add_argument("--host", help="only this host")
    parser.add_argument(
        "--days", type=positive, default=7, help="look at the runs of so many days (default: 7)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(perform=perform)


def perform(options: argparse.Namespace) -> int:
    """Print the sets that were asked for."""
    now = datetime.now(UTC)
    records = _records(opened(options), options, now)
    found = of_runs(records, now, options.system or "", options.host or "")
    if options.json:
        print_json(found)
        return 0

    for one in found:
        for line in text_lines(one):
            print(line)
    if not found:
        note_nothing(f"no run of the last {options.days} days looked at such backup sets")

    return 0


def of_runs(
    records: Iterable[RunRecord], now: datetime, system: str = "", host: str = ""
) -> list[HostSets]:
    """Return the sets of each host as the newest of some runs, newest first, saw them."""
    found: dict[tuple[str, str], HostSets] = {}
    rehearsals: dict[tuple[str, str], str] = {}
    for record in records:
        ages = _by_host(record, "backup", "backup:age")
        for place, seen in _by_host(record, "backup", listing.SETS).items():
            if (system and place[0] != system) or (host and place[1] != host) or place in found:
                continue
            age = ages.get(place, seen)
            found[place] = {
                "system": place[0],
                "host": place[1],
                "run_id": record["run_id"],
                "seen": record["started"],
                "status": age["status"],
                "message": age["message"],
                "rehearsal": "",
                "sets": list(_sets(seen, now)),
            }
        for place, seen in _by_host(record, "restore", "rehearsal:age").items():
            rehearsals.setdefault(place, seen["message"])

    for place, one in found.items():
        one["rehearsal"] = rehearsals.get(place, "")

    return [found[place] for place in sorted(found)]


def text_lines(one: HostSets) -> Iterator[str]:
    """Yield a heading for a host and a line for each of its sets."""
    seen = (one["seen"] or "unknown start")[:16].replace("T", " ")
    message = " ".join(one["message"].split())
    yield f"{one['system']}  {one['host']}  {one['status']}: {message}  (seen {seen})"
    if one["rehearsal"]:
        yield f"    rehearsal: {' '.join(one['rehearsal'].split())}"

    for kept in one["sets"]:
        held = f"  held: {kept['held']}" if kept["held"] else ""
        age = summary.duration(kept["age_hours"] * _HOUR)
        yield (
            f"    {kept['set']}  {_size(kept['bytes']):>10}  {age:>9} old  {kept['state']:<10}"
            f"  verified {_day(kept['verified'])}  rehearsed {_day(kept['rehearsed'])}{held}"
        )


def _records(store: Store, options: argparse.Namespace, now: datetime) -> Iterator[RunRecord]:
    """Yield the runs that may have seen sets, newest first, each read when it is asked for."""
    oldest = (now - timedelta(days=options.days)).isoformat()
    for facts in store.facts():
        if facts["started"] and facts["started"] < oldest:
            return
        is_asked = not options.system or options.system in facts["systems"]
        if is_asked and PurePath(facts["playbook"]).stem not in _WITHOUT_SETS:
            yield store.load(facts["run_id"])


def _by_host(record: RunRecord, area: str, check: str) -> dict[tuple[str, str], FoldedFinding]:
    """Return by system and host what a run found by one check."""
    return {
        (finding["system"], finding["host"]): finding
        for finding in record["findings"]
        if finding["area"] == area and finding["check"] == check
    }


def _sets(seen: FoldedFinding, now: datetime) -> Iterator[dict[str, t.Any]]:
    """Yield the sets of a finding, the newest first; what is not of our form is left out."""
    for line in reversed(seen["lines"]):
        one = listing.parse(line)
        created = one and manifest.moment_of(one.name)
        if not one or not created:
            continue
        yield {
            "set": one.name,
            "bytes": one.bytes,
            "age_hours": round((now - created).total_seconds() / _HOUR, 2),
            "state": one.state,
            "verified": one.verified or None,
            "rehearsed": one.rehearsed or None,
            "held": one.held,
        }


def _day(moment: str | None) -> str:
    return moment[:10] if moment else "never     "


def _size(count: int | None) -> str:
    """Return a size for people; ``unknown`` for none."""
    if count is None:
        return "unknown"

    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1

    return f"{value:.4g} {_UNITS[unit]}"
