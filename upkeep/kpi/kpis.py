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

#: Statuses of a check that is fine, and the one that says that nobody could see.
FINE: t.Final = ("ok", "info")
UNSEEN: t.Final = "unknown"
_NUMBER: t.Final = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")

Definition = Mapping[str, t.Any]


class Sample(t.TypedDict):
    """One figure of one host, with what its definition says, so that it can be read on its own.

    ``target`` and ``alert`` are what the guide asks for and where it raises an alarm, as ``at least
    99.9``.
    """

    system: str
    host: str
    kpi: str
    title: str
    unit: str
    target: str
    alert: str
    value: float
    met: bool | None


def samples(
    definitions: Mapping[str, Sequence[Definition]],
    findings: Iterable[Finding],
    first: Mapping[str, Finding],
) -> list[Sample]:
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
        if found["system"] == system and _is_source(definition, found)
        for sample in _sample(definition, first.get(found["fingerprint"], found))
    ]


def first_states(logged: Iterable[Finding]) -> dict[str, Finding]:
    """Return by fingerprint how each finding was seen first, from all findings in the order of the log."""
    states: dict[str, Finding] = {}
    for found in logged:
        states.setdefault(found["fingerprint"], found)
    return states


def _is_source(definition: Definition, found: Finding) -> bool:
    return bool(
        found["check"] == definition["check"]
        and found["area"] == definition.get("area", "health_check")
    )


def _sample(definition: Definition, found: Finding) -> Iterator[Sample]:
    """Yield the sample of one finding; what could not be observed gives none."""
    value = measured(definition, found)
    if value is None:
        return

    target = definition.get("target")
    yield {
        "system": found["system"],
        "host": found["host"],
        "kpi": definition["name"],
        "title": definition.get("title", definition["name"]),
        "unit": definition.get("unit", ""),
        "target": limit_text(target),
        "alert": limit_text(definition.get("alert")),
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


def limit_text(limit: Mapping[str, float] | None) -> str:
    """Return a limit as people write it: ``at least 99.9``, ``at most 10``; '' for none."""
    if not limit:
        return ""

    return " and ".join(
        f"{key.replace('_', ' ')} {value:.15g}" for key, value in sorted(limit.items())
    )


def within(limit: Mapping[str, float], value: float) -> bool:
    """Return whether a value keeps a limit; the limit itself does."""
    return limit.get("at_least", -math.inf) <= value <= limit.get("at_most", math.inf)


def limit_of(text: str) -> dict[str, float]:
    """Return the limit that `limit_text` wrote."""
    pairs = (part.rsplit(" ", 1) for part in text.split(" and ") if part)
    return {key.replace(" ", "_"): float(value) for key, value in pairs}
