# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key figures beyond the bound at which a guide raises an alarm.

A check with limits of its own alarms by itself, and one that is down is critical already; here
are the figures of checks that only tell something.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence

from ansible.module_utils.upkeep.findings import Finding, complete, finding

from upkeep.kpi import kpis

AREA: t.Final = "run"


def alerts(
    definitions: Mapping[str, Sequence[kpis.Definition]],
    findings: Iterable[Finding],
    first: Mapping[str, Finding],
) -> list[Finding]:
    """Return a warning for each key figure of a run that is beyond its alarm.

    The input is that of ``kpis.samples``.
    """
    seen = list(findings)

    return [
        alert
        for system, wanted in definitions.items()
        for definition in wanted
        for found in seen
        if found["system"] == system and kpis.is_source(definition, found)
        for alert in _alert(definition, first.get(found["fingerprint"], found))
    ]


def _alert(definition: kpis.Definition, found: Finding) -> Iterable[Finding]:
    bounds = kpis.bounds_of(definition.get("alert"))
    is_judged = found.get("limits") is not None or definition.get("measure") == "ok"
    value = kpis.measured(definition, found)
    if bounds is None or is_judged or value is None or kpis.within(bounds, value):
        return

    title, unit = definition.get("title", definition["name"]), definition.get("unit", "")
    message = (
        f"{title} is {value:g} {unit}".rstrip() + f", the guide raises an alarm unless it is "
        f"{kpis.bounds_text(bounds)}: see {found['check']}"
    )
    part = finding(
        f"kpi:{definition['name']}",
        "warning",
        message,
        observed=value,
        expected=kpis.bounds_text(bounds),
        unit=unit,
        requirements=definition.get("requirements", []),
    )
    yield complete(part, system=found["system"], host=found["host"], area=AREA)
