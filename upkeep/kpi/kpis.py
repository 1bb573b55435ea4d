# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key figures: which of a run's findings is a sample of which, and what the guides ask of it.

A profile's ``system_kpis`` maps a key figure to a check. Each run that saw the check gives one
sample for each host: what was observed, or with ``measure: ok`` 100 where the check was fine and 0
where not, whose mean is an uptime.
"""

from __future__ import annotations

import math
import re
import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ansible.module_utils.upkeep.findings import Finding

from upkeep.run.types import Bounds, KpiSample

#: Statuses of a check that is fine, and the one that says that nobody could see.
FINE: t.Final = ("ok", "info")
UNSEEN: t.Final = "unknown"
_NUMBER: t.Final = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")

Definition = Mapping[str, t.Any]


def samples(
    definitions: Mapping[str, Sequence[Definition]],
    findings: Iterable[Finding],
    first: Mapping[str, Finding],
) -> list[KpiSample]:
    """Return the samples of a run.

    ``definitions`` are those of each system, ``findings`` the last state of each finding. ``first``
    holds by fingerprint what a run saw first: a service that a run had to restart was down.
    """
    seen = list(findings)
    return [
        sample
        for system, wanted in definitions.items()
        for definition in wanted
        for found in seen
        if found["system"] == system and is_source(definition, found)
        for sample in _sample(definition, first.get(found["fingerprint"], found))
    ]


def first_states(logged: Iterable[Finding]) -> dict[str, Finding]:
    """Return by fingerprint the first state of each finding; the input has the order of the log."""
    states: dict[str, Finding] = {}
    for found in logged:
        states.setdefault(found["fingerprint"], found)
    return states


def is_source(definition: Definition, found: Finding) -> bool:
    """Return whether a key figure is what this finding observed."""
    return bool(
        found["check"] == definition["check"]
        and found["area"] == definition.get("area", "health_check")
    )


def _sample(definition: Definition, found: Finding) -> Iterator[KpiSample]:
    """Yield the sample of one finding; what could not be observed gives none."""
    value = measured(definition, found)
    if value is None:
        return

    target = bounds_of(definition.get("target"))
    yield {
        "system": found["system"],
        "host": found["host"],
        "kpi": definition["name"],
        "title": definition.get("title", definition["name"]),
        "unit": definition.get("unit", ""),
        "target": target,
        "alert": bounds_of(definition.get("alert")),
        "value": value,
        "met": None if target is None else within(target, value),
    }


def measured(definition: Definition, found: Finding) -> float | None:
    """Return the figure of a finding; None when there is none."""
    if definition.get("measure", "observed") == "ok":
        return None if found["status"] == UNSEEN else 100.0 if found["status"] in FINE else 0.0
    return number(found.get("observed"))


def number(observed: t.Any) -> float | None:
    """Return a number, also one that stands at the beginning of a text (``41.5 MB``).

    None for anything else.
    """
    if isinstance(observed, str):
        match = _NUMBER.match(observed.strip())
        observed = float(match[0]) if match else None

    if (
        isinstance(observed, bool)
        or not isinstance(observed, int | float)
        or not math.isfinite(observed)
    ):
        return None

    return float(observed)


def bounds_of(given: Mapping[str, float] | None) -> Bounds | None:
    """Return the bounds that a definition gives as ``at_least`` and ``at_most``; None for none."""
    if not given:
        return None

    return {"at_least": given.get("at_least"), "at_most": given.get("at_most")}


def within(bounds: Bounds, value: float) -> bool:
    """Return whether a value keeps its bounds; a bound itself is within."""
    low, high = bounds["at_least"], bounds["at_most"]

    return (low is None or low <= value) and (high is None or value <= high)


def bounds_text(bounds: Bounds | None) -> str:
    """Return bounds as people write them: ``at least 99.9``, ``at most 10``; '' for none."""
    if bounds is None:
        return ""

    low, high = bounds["at_least"], bounds["at_most"]
    parts = (("at least", low), ("at most", high))

    return " and ".join(f"{words} {number:.15g}" for words, number in parts if number is not None)
