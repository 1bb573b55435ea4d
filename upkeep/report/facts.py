# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a list of runs says of one run.

A record of a weekly run is large; these few facts stand beside it, so that a thousand runs are
listed without reading a thousand records.
"""

from __future__ import annotations

import json
import typing as t
from collections import Counter

from upkeep.report import summary
from upkeep.run.conforms import conforms
from upkeep.run.types import OUTCOMES, RunRecord

#: Of the facts, not of the record. Facts of another version are made anew from the record.
_VERSION: t.Final = 1


class RunFacts(t.TypedDict):
    """One run in a list; ``hosts`` is their number, ``findings`` their number by status."""

    run_id: str
    playbook: str
    started: str | None
    finished: str | None
    seconds: float
    outcome: str
    check_mode: bool
    limit: str
    systems: list[str]
    hosts: int
    findings: dict[str, int]


def of_record(record: RunRecord) -> RunFacts:
    """Return the facts of a run."""
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


def as_json(facts: RunFacts) -> str:
    """Return facts as a store keeps them."""
    return json.dumps({"version": _VERSION, **facts}) + "\n"


def parse(text: str | bytes, run_id: str) -> RunFacts | None:
    """Return kept facts under the id that the store knows the run by; None if they are unusable."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None

    if not conforms(value, RunFacts) or value.pop("version", None) != _VERSION:
        return None

    return t.cast(RunFacts, {**value, "run_id": run_id}) if value["outcome"] in OUTCOMES else None
