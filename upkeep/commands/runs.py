# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``upkeep runs``: the kept runs, for people and as JSON."""

from __future__ import annotations

import argparse
import itertools
from datetime import UTC, datetime
from pathlib import PurePath

from upkeep.commands.common import Verbs, note_nothing, opened, positive, print_json
from upkeep.report import summary
from upkeep.report.facts import RunFacts
from upkeep.run.clean import line
from upkeep.run.types import OUTCOMES
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
    asked = (facts for facts in store.facts() if _is_asked(facts, options))
    found = list(itertools.islice(asked, options.limit))

    if options.json:
        print_json(found)
    else:
        for facts in found:
            print(text_line(facts))
        if not found:
            note_nothing("no such run is kept; --store or UPKEEP_STORE names another store")

    return 0


def text_line(facts: RunFacts) -> str:
    """Return a run on one line."""
    started = (facts["started"] or "unknown start")[:19].replace("T", " ")
    took = summary.duration(facts["seconds"])
    shown = f"{facts['run_id']:<34}  {started:<19}  {took:>11}  {facts['outcome']:<11}"
    notes = ["check mode"] if facts["check_mode"] else []
    if not order_of(facts["started"], facts["run_id"], datetime.now(UTC))[0]:
        notes.append("start lies in the future")

    noted = f"  ({', '.join(notes)})" if notes else ""

    return f"{shown}  {line(facts['playbook'])}{noted}"


def _is_asked(facts: RunFacts, options: argparse.Namespace) -> bool:
    names = (
        facts["playbook"],
        PurePath(facts["playbook"]).name,
        PurePath(facts["playbook"]).stem,
    )

    return (
        (not options.system or options.system in facts["systems"])
        and (not options.playbook or options.playbook in names)
        and (not options.outcome or options.outcome == facts["outcome"])
    )
