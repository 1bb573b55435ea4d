# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health checks in words: what is asked, and which answers are a warning or critical.

The words of a kind stand in the kind's file; here is what holds for all of them.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.health_check.check import Check
from ansible.module_utils.upkeep.health_check.kind import NEVER, Row
from ansible.module_utils.upkeep.health_check.kinds import KINDS
from ansible.module_utils.upkeep.health_check.settings import parse_checks


class DescribedFinding(t.NamedTuple):
    """One finding of a check: its name, what is asked, and from where it is warning or critical."""

    finding: str
    asks: str
    warning: str
    critical: str
    component: str
    requirements: tuple[str, ...]


def rows(checks: Sequence[Mapping[str, t.Any]]) -> list[DescribedFinding]:
    """Return every finding that checks of a profile have, in their order.

    Raises CheckError as the module would.
    """
    return [
        DescribedFinding(
            row.finding,
            row.asks,
            row.warning,
            row.critical,
            check.component or "",
            row.requirements or check.requirements,
        )
        for check in parse_checks(list(checks))
        for row in _rows(check)
    ]


def _rows(check: Check) -> Iterator[Row]:
    for row in KINDS[check.kind].describe(check):
        yield _of_check(check, row) if row.finding == check.id else row


def _of_check(check: Check, row: Row) -> Row:
    """Return the row of the check's own finding, with what all kinds have in common."""
    when = f" ({', '.join(check.cadences)})".replace("_", "-") if check.cadences else ""
    falls = f" ({check.fall} failures in a row)" if check.fall > 1 else ""
    warning, critical = row.warning, row.critical
    if check.severity == "warning":
        warning, critical = critical, NEVER

    return row._replace(asks=row.asks + when + falls, warning=warning, critical=critical)
