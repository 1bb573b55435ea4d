# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``upkeep findings``: what one run saw, worst first, for people and as JSON."""

from __future__ import annotations

import argparse
import typing as t

from ansible.module_utils.upkeep.findings import STATUSES

from upkeep.commands.common import Verbs, opened, print_json
from upkeep.report import summary
from upkeep.run.types import FoldedFinding, RunRecord
from upkeep.store.base import LATEST

_NAMES: tuple[t.Literal["system", "host", "area"], ...] = ("system", "host", "area")


def add(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "findings", parents=[shared], help="list the findings of a run, worst first"
    )
    parser.add_argument("id", nargs="?", default=LATEST, help="run id (default: latest)")
    parser.add_argument(
        "--status",
        action="append",
        choices=STATUSES,
        help="only this status; may be repeated (default: critical, unknown and warning)",
    )
    parser.add_argument("--system", help="only this system")
    parser.add_argument("--host", help="only this host")
    parser.add_argument("--area", help="only this area, e.g. health_check")
    parser.add_argument("--acknowledged", action="store_true", help="also acknowledged ones")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(perform=perform)


def perform(options: argparse.Namespace) -> int:
    """Print the findings that were asked for; that there are some is not a failure."""
    record = opened(options).load(options.id)
    found = asked(record, options)
    if options.json:
        print_json([{"run_id": record["run_id"], **finding} for finding in found])
        return 0

    for finding in found:
        print(text_line(finding))

    return 0


def asked(record: RunRecord, options: argparse.Namespace) -> list[FoldedFinding]:
    """Return the findings of a record that the command line asks for, worst first."""
    statuses = options.status or summary.OPEN
    chosen = {name: getattr(options, name) for name in _NAMES if getattr(options, name)}

    return summary.by_severity(
        finding
        for finding in record["findings"]
        if finding["status"] in statuses
        and (options.acknowledged or not finding["acknowledged"])
        and chosen.items() <= {name: finding[name] for name in _NAMES}.items()
    )


def text_line(finding: FoldedFinding) -> str:
    """Return a finding on one line, with its fingerprint, which an acknowledgement needs."""
    place = f"{finding['host'] or summary.CONTROLLER}  {finding['area']}  {finding['check']}"
    message = " ".join(finding["message"].split())
    known = "  (acknowledged)" if finding["acknowledged"] else ""

    return f"{finding['status']:<8}  {finding['fingerprint']}  {place}  {message}{known}"
