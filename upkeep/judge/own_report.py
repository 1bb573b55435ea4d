# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a run itself, where the profile of a system asks for one."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.module_utils.upkeep.findings import Finding, complete, finding

AREA: t.Final = "run"


def report_findings(reports: Mapping[str, Mapping[str, t.Any]]) -> list[Finding]:
    """Return that this run leaves a report, for each system whose profile asks for one by id.

    ``reports`` is ``system_run_report`` by system. A run that cannot be kept never comes so far.
    """
    return [
        complete(_note(entry), system=system, host="report", area=AREA)
        for system, entry in sorted(reports.items())
        if entry.get("requirements")
    ]


def _note(entry: Mapping[str, t.Any]) -> Finding:
    shown = entry.get("shown", True)
    end = "and is shown when the run is over" if shown else "and only its place is named"

    return finding(
        "run:report",
        "ok",
        f"This run has a report of its own, with title, date and end mark; it is kept {end}.",
        observed="shown" if shown else "kept",
        expected="shown" if shown else "kept",
        requirements=entry["requirements"],
    )
