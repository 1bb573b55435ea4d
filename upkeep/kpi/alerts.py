# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key figures beyond the bound at which a guide raises an alarm.

A check with limits of its own alarms by itself, and one that is down is critical already; here
are the figures of checks that only tell something, and the share of a day in which a check was
fine (``measure: ok``).
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ansible.module_utils.upkeep.findings import Finding, complete, finding

from upkeep.kpi import kpis

AREA: t.Final = "run"
#: With fewer samples one that failed would be more than a share of five per cent.
LEAST_SAMPLES: t.Final = 20


class DayMean(t.NamedTuple):
    """The samples of a key figure in the 24 hours before a run, and their mean."""

    samples: int
    mean: float


NO_DAY: t.Final = DayMean(0, 0.0)
#: By system and name of the key figure.
Days = Mapping[tuple[str, str], DayMean]


def alerts(
    definitions: Mapping[str, Sequence[kpis.Definition]],
    findings: Iterable[Finding],
    first: Mapping[str, Finding],
    days: Days = MappingProxyType({}),
) -> list[Finding]:
    """Return a warning for each key figure of a run that is beyond its alarm.

    The input is that of ``kpis.samples``; ``days`` is what earlier runs of a day saw.
    """
    seen = list(findings)
    sources = [
        (system, definition, first.get(found["fingerprint"], found))
        for system, wanted in definitions.items()
        for definition in wanted
        for found in seen
        if found["system"] == system and kpis.is_source(definition, found)
    ]

    return [
        alert
        for system, definition, found in sources
        for alert in (
            *_alert(definition, found),
            *_alert_of_a_day(definition, found, days.get((system, definition["name"]), NO_DAY)),
        )
    ]


def watches_a_day(definitions: Mapping[str, Sequence[kpis.Definition]]) -> bool:
    """Return whether the history of a day is needed."""
    return any(_is_of_a_day(each) for wanted in definitions.values() for each in wanted)


def _is_of_a_day(definition: kpis.Definition) -> bool:
    return definition.get("measure") == "ok" and bool(definition.get("alert"))


def _alert_of_a_day(definition: kpis.Definition, found: Finding, day: DayMean) -> Iterable[Finding]:
    """Yield the warning that a check was fine too seldom in a day, this run included."""
    bounds, value = kpis.bounds_of(definition.get("alert")), kpis.measured(definition, found)
    if bounds is None or value is None or not _is_of_a_day(definition):
        return

    samples = day.samples + 1
    mean = round((day.mean * day.samples + value) / samples, 2)
    if samples < LEAST_SAMPLES or kpis.within(bounds, mean):
        return

    title, unit = definition.get("title", definition["name"]), definition.get("unit", "")
    yield _finding(
        definition,
        found,
        mean,
        f"{title} was {mean:g} {unit} in the last 24 hours ({samples} samples)",
    )


def _alert(definition: kpis.Definition, found: Finding) -> Iterable[Finding]:
    bounds = kpis.bounds_of(definition.get("alert"))
    is_judged = found.get("limits") is not None or definition.get("measure") == "ok"
    value = kpis.measured(definition, found)
    if bounds is None or is_judged or value is None or kpis.within(bounds, value):
        return

    title, unit = definition.get("title", definition["name"]), definition.get("unit", "")
    yield _finding(definition, found, value, f"{title} is {value:g} {unit}".rstrip())


def _finding(definition: kpis.Definition, found: Finding, value: float, message: str) -> Finding:
    expected = kpis.bounds_text(kpis.bounds_of(definition.get("alert")))
    part = finding(
        f"kpi:{definition['name']}",
        "warning",
        f"{message}, the guide raises an alarm unless it is {expected}: see {found['check']}",
        observed=value,
        expected=expected,
        unit=definition.get("unit", ""),
        requirements=definition.get("requirements", []),
    )

    return complete(part, system=found["system"], host=found["host"], area=AREA)
