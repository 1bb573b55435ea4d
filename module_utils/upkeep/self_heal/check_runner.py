# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether checks fail: those of this host are made now, of others the run's findings count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..findings import Finding
from ..health_check.scheduler import run_all
from ..health_check.state import StateSession
from .settings import HealSettings


@dataclass(frozen=True)
class CheckResults:
    """The checks that failed, and those that could not be observed, each with its reason."""

    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """All checks that are not known to be fine."""
        return self.failed + self.unknown


class CheckRunner:
    """Makes checks by their id."""

    def __init__(self, settings: HealSettings) -> None:
        self._settings = settings

    def counted(self, ids: Sequence[str]) -> CheckResults:
        """Return the results as they count for a run: after ``fall``, ``rise`` and ``severity``."""
        return self._results(ids, counted=True)

    def now(self, ids: Sequence[str]) -> CheckResults:
        """Return the results of this moment."""
        return self._results(ids, counted=False)

    def _results(self, ids: Sequence[str], *, counted: bool) -> CheckResults:
        found = self._own_findings([one for one in ids if one in self._settings.checks], counted)
        failed, unknown = [], []

        for one in ids:
            status, text = self._status(one, found)
            if status == "critical":
                failed.append(text)
            elif status == "unknown":
                unknown.append(text)

        return CheckResults(tuple(failed), tuple(unknown))

    def _status(self, check_id: str, found: dict[str, Finding]) -> tuple[str, str]:
        """Return the status of a check, and its name with the place or the reason."""
        if check_id in found:
            own = found[check_id]
            reason = f" ({own['message']})" if own["status"] == "unknown" else ""
            return own["status"], f"{check_id}{reason}"

        other = self._settings.failed_elsewhere.get(check_id)
        if other is None:
            return "ok", check_id

        return other.status, f"{check_id} ({other.status} on {other.host})"

    def _own_findings(self, ids: Sequence[str], counted: bool) -> dict[str, Finding]:
        """Return the own finding of each check of this host, by id."""
        if not ids:
            return {}

        # Each is judged by itself: what it depends on is named under ``needs``.
        alone = [replace(self._settings.checks[one], depends_on=()) for one in ids]
        if not counted:
            alone = [replace(check, previous=None) for check in alone]
            results = run_all(alone, self._settings.timeout).findings
            findings = [one for group in results.values() for one in group]
        else:
            session = StateSession(self._settings.health_state_file, self._settings.run)
            observed = run_all(session.with_memories(alone), self._settings.timeout)
            findings = session.apply_state(alone, observed, write=False)

        own = {one["check"]: one for one in findings if one["check"] in ids}
        for one in set(ids) - own.keys():
            own[one] = {"check": one, "status": "unknown", "message": "it left no result"}

        return own
