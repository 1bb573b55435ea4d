# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs of the shipped playbooks on the fleet, and what stands in their records."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

Record = dict[str, t.Any]
Key = tuple[str, str, str]


class Play(t.Protocol):
    """Runs the playbook of a cadence."""

    def __call__(self, cadence: str, *arguments: str, failing: t.Collection[str] = ()) -> Record:
        """Return the record of the run, in which exactly the named tasks failed, none by default.

        Those of the verdict do not count.
        """


#: Module executions on a host that has nothing to ship.
MOST_STARTS: t.Final = 20
QUIET: t.Final = ("ok", "info")
#: Ends of the names of checks that measure time, which says more about the machine that runs these
#: tests.
SPEEDS: t.Final = (".latency", ":query-ms", ".statements")


def read(folder: Path) -> Record:
    """Return the record of a run."""
    record: Record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    return record


def key(finding: Record) -> Key:
    """Return what a finding is about: host, area, check."""
    return finding["host"], finding["area"], finding["check"]


def alarms(record: Record) -> dict[Key, str]:
    """Return what is not quiet, but for how fast answers are."""
    return {
        key(finding): f"{finding['status']}: {finding['message']}"
        for finding in record["findings"]
        if finding["status"] not in QUIET and not finding["check"].endswith(SPEEDS)
    }


def changed(record: Record) -> set[tuple[str, str]]:
    """Return host and task of all that the run changed, or would change."""
    return {(change["host"], change["task"]) for change in record["changes"]}


def checklists(record: Record) -> dict[tuple[str, str], str]:
    """Return system and entry -> whether the run covered the system's checklist."""
    return {
        (finding["system"], finding["check"].removeprefix("checklist:")): finding["status"]
        for finding in record["findings"]
        if finding["check"].startswith("checklist:")
    }
