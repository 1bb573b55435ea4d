# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a system's own checklist has a run cover, against what the run has findings of."""

from __future__ import annotations

import fnmatch
import typing as t
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from ansible.module_utils.upkeep.findings import Finding, complete, finding

from upkeep.run.events import Event

AREA: t.Final = "run"
#: What ``--tags`` holds when nobody chose any.
_ALL_TAGS: t.Final[Sequence[Sequence[str]]] = ([], ["all"])
_GATE: t.Final = "gate:change"

Entry = Mapping[str, t.Any]


def cadence_of(events: Iterable[Event]) -> str:
    """Return the cadence of a run that does all that it has; '' for one of some tags only."""
    start = next((event for event in events if event["event"] == "run_started"), None)
    if start is None or start.get("tags", []) not in _ALL_TAGS or start.get("skip_tags"):
        return ""

    return PurePath(str(start["playbook"])).stem


def checklist_findings(
    checklists: Mapping[str, Sequence[Entry]], cadence: str, found: Collection[Finding]
) -> list[Finding]:
    """Return whether the run covered each entry of this cadence; ``checklists`` by system."""
    return [
        complete(_judge(entry, system, cadence, found), system=system, host="report", area=AREA)
        for system, entries in sorted(checklists.items())
        for entry in entries
        if cadence in entry["cadences"]
    ]


def uncovered(entry: Entry, seen: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield item and pattern for all that is not among ``seen``, each as ``area/check``."""
    for item in entry["items"]:
        for pattern in item["seen_in"]:
            if not fnmatch.filter(seen, pattern):
                yield item["name"], pattern


def _judge(entry: Entry, system: str, cadence: str, found: Collection[Finding]) -> Finding:
    own = [one for one in found if one["system"] == system]
    seen = {f"{one['area']}/{one['check']}" for one in own if one["status"] != "unknown"}
    missing = list(uncovered(entry, seen))
    total = len(entry["items"])
    covered = total - len({item for item, _ in missing})
    status, message = "ok", f"The {cadence} run covered {_names(entry)}."
    if missing:
        item, pattern = missing[0]
        held = any(one["check"] == _GATE and one["status"] == "critical" for one in own)
        status = "info" if held else "warning"
        why = "the gate held the system" if held else "see which job failed or was left out"
        message = f"The {cadence} run did not cover {item} (no finding of {pattern}): {why}"

    return finding(
        f"checklist:{entry['name']}",
        status,
        message,
        observed=covered,
        expected=total,
        unit="items",
        requirements=entry.get("requirements", ()),
    )


def _names(entry: Entry) -> str:
    return ", ".join(item["name"] for item in entry["items"])
