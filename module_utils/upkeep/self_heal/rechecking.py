# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers whether checks fail: those of this host are made now, of others this run's findings are known."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..health_check.check import CheckError
from ..health_check.findings import has_failed
from ..health_check.scheduler import run_all
from ..health_check.settings import due, parse_checks
from .decision import Unit


class Asker:
    """Asks checks by their id."""

    def __init__(
        self,
        raw_checks: Sequence[Mapping[str, t.Any]],
        components: Sequence[str] | None,
        elsewhere: Mapping[str, str],
        timeout: float,
    ) -> None:
        """Take the checks of the profile, and by check what this run found wrong on other hosts.

        Raises CheckError.
        """
        checks = parse_checks(list(raw_checks), longest=timeout)
        self._known = {check.id for check in checks}
        self._local = {check.id: check for check in due(checks, components, "")}
        self._elsewhere = elsewhere
        self._timeout = timeout

    def validate(self, units: Sequence[Unit]) -> None:
        """Raise CheckError when a unit names a check that the profile does not have."""
        for unit in units:
            unknown = sorted({*unit.checks, *unit.needs} - self._known)
            if unknown:
                raise CheckError(
                    f"unit {unit.name!r}: {', '.join(unknown)} is no check of the profile (use kind:name)"
                )

    def failing(self, ids: Sequence[str]) -> list[str]:
        """Return which of the checks have failed, in words."""
        here = [self._local[one] for one in ids if one in self._local]
        alone = [replace(check, depends_on=(), previous=None) for check in here]
        found = run_all(alone, self._timeout).findings if alone else {}
        failed = [one for one in ids if one in found and has_failed(one, found[one])]

        return failed + [
            f"{one} {self._elsewhere[one]}"
            for one in ids
            if one in self._elsewhere and one not in found
        ]
