# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roll-up of a run: areas as rows, systems as columns, and what is fine everywhere in one line.

A note (``info``) and what is acknowledged count as fine.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from upkeep.report.summary import CONTROLLER, OPEN
from upkeep.run.types import RunRecord

#: The row of what no area tells: failed tasks and hosts that did not answer.
RUN: t.Final = "tasks and hosts"


class Cell(t.NamedTuple):
    """One area of one system: its status ('' when nothing was checked) and how often it has it."""

    status: str
    findings: int = 0


class Rollup(t.NamedTuple):
    """The areas in which a system is not fine, and the names of the others."""

    systems: list[str]
    rows: list[tuple[str, list[Cell]]]
    fine: list[str]
    notes: int
    acknowledged: int


def roll_up(record: RunRecord) -> Rollup:
    """Return the roll-up of a run."""
    rows: list[tuple[str, list[Cell]]] = []
    fine: list[str] = []
    counts = _counts(record)
    systems = record["systems"]

    for area in _areas(record):
        cells = [
            _cell(system["areas"].get(area), counts[name, area]) for name, system in systems.items()
        ]
        if any(cell.status in OPEN for cell in cells):
            rows.append((area, cells))
        else:
            fine.append(area)

    whole = [_whole(record, name) for name in systems]
    if any(cell.status for cell in whole):
        rows.append((RUN, whole))

    return Rollup(
        systems=[name or CONTROLLER for name in systems],
        rows=rows,
        fine=fine,
        notes=sum(system["notes"] for system in systems.values()),
        acknowledged=sum(system["acknowledged"] for system in systems.values()),
    )


def _areas(record: RunRecord) -> list[str]:
    return list(
        dict.fromkeys(area for system in record["systems"].values() for area in system["areas"])
    )


def _counts(record: RunRecord) -> dict[tuple[str, str], Counter[str]]:
    """Return (system, area) -> how many findings that nobody acknowledged have each status."""
    counts: dict[tuple[str, str], Counter[str]] = {
        (name, area): Counter() for name in record["systems"] for area in _areas(record)
    }
    for finding in record["findings"]:
        if not finding["acknowledged"]:
            counts[finding["system"], finding["area"]][finding["status"]] += 1

    return counts


def _cell(area: t.Any, counts: Counter[str]) -> Cell:
    return Cell("") if area is None else Cell(area["status"], counts[area["status"]])


def _whole(record: RunRecord, name: str) -> Cell:
    """Return what failed tasks and silent hosts make of a system; no status for nothing."""
    hosts = [record["hosts"][host] for host in record["systems"][name]["hosts"]]
    failed = sum(host["failed"] > 0 for host in hosts)
    silent = sum(host["missing"] or host["unreachable"] > 0 for host in hosts)

    return Cell("critical", failed) if failed else Cell("unknown", silent) if silent else Cell("")
