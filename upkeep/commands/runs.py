# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``upkeep runs``: the kept runs, for people and as JSON."""

from __future__ import annotations

import argparse
import itertools
import typing as t
from collections import Counter
from datetime import UTC, datetime
from pathlib import PurePath

from upkeep.commands.common import Verbs, opened, positive, print_json
from upkeep.report import summary
from upkeep.run.clean import line
from upkeep.run.types import OUTCOMES, RunRecord
from upkeep.store.base import order_of


def add(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser("runs", parents=[shared], help="list kept runs, newest first")
    parser.add_argument("--limit", type=positive, default=20, help="how many at most (default: 20)")
    parser.add_argument("--system", default="", help="only runs that looked at this system")
    parser.add_argument("--playbook", default="", help="only runs of this playbook, e.g. weekly")
    parser.add_argument("--outcome", choices=OUTCOMES, help="only runs with this outcome")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(perform=perform)


def perform(options: argparse.Namespace) -> int:
    """Print the runs that were asked for."""
    store = opened(options)
    filtered = options.system or options.playbook or options.outcome
    records = store.runs(None if filtered else options.limit)
    found = list(itertools.islice((r for r in records if _is_asked(r, options)), options.limit))

    if options.json:
        print_json([facts(record) for record in found])
    else:
        for record in found:
            print(text_line(record))

    return 0


def facts(record: RunRecord) -> dict[str, t.Any]:
    """Return what a list of runs says of one."""
    return {
        "run_id": record["run_id"],
        "playbook": record["playbook"],
        "started": record["started"],
        "finished": record["finished"],
        "seconds": record["seconds"],
        "outcome": record["outcome"],
        "check_mode": record["check_mode"],
        "limit": record["limit"],
        "systems": sorted(record["systems"]),
        "hosts": summary.host_count(record),
        "findings": dict(Counter(finding["status"] for finding in record["findings"])),
    }


def text_line(record: RunRecord) -> str:
    """Return a run on one line."""
    started = (record["started"] or "unknown start")[:19].replace("T", " ")
    took = summary.duration(record["seconds"])
    shown = f"{record['run_id']:<34}  {started:<19}  {took:>11}  {record['outcome']:<11}"
    notes = ["check mode"] if record["check_mode"] else []
    if not order_of(record["started"], record["run_id"], datetime.now(UTC))[0]:
        notes.append("start lies in the future")

    noted = f"  ({', '.join(notes)})" if notes else ""

    return f"{shown}  {line(record['playbook'])}{noted}"


def _is_asked(record: RunRecord, options: argparse.Namespace) -> bool:
    names = (
        record["playbook"],
        PurePath(record["playbook"]).name,
        PurePath(record["playbook"]).stem,
    )

    return (
        (not options.system or options.system in record["systems"])
        and (not options.playbook or options.playbook in names)
        and (not options.outcome or options.outcome == record["outcome"])
    )
