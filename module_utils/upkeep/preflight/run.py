# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check in one call whether a host is fit for maintenance, and take old jobs out of service.

Every check runs in a bounded process, since a dead mount or a file of a user could hold it up. A
check that does not come back only loses itself: it is ``unknown``.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .. import acceptance
from ..base import isolated
from ..base.deadline import Deadline
from ..findings import Finding, Subject
from . import host
from .findings import acceptance_finding, legacy_findings
from .legacy import LegacyScan, scan
from .settings import LegacySettings, PreflightSettings
from .takeover import Takeover, take

#: What one check may take, s.
CHECK_SECONDS: t.Final = 20.0
_Entry = t.TypeVar("_Entry")
#: The share of a module's time that its checks get; the rest is for what comes after them.
_SHARE: t.Final = 0.8


@dataclass(frozen=True)
class HostCheck:
    """One check: the names of its findings, for when it does not come back, and how to do it."""

    names: Sequence[str]
    findings: Callable[[], Iterable[Finding]]


def run(settings: PreflightSettings, check_mode: bool) -> dict[str, t.Any]:
    """Return findings, and whether the host was accepted just now; raises OSError."""
    diff = _accept(settings, check_mode)
    deadline = Deadline(_SHARE * settings.max_seconds)

    return {"changed": bool(diff), "findings": _check(checks(settings), deadline), "diff": diff}


def take_over(settings: LegacySettings, check_mode: bool) -> Takeover:
    """Take old jobs out of service, in check mode only say how; raises OSError, IsolatedError."""
    answers, problem = isolated.run(
        lambda: [scan(settings.patterns).as_json()],
        _SHARE * settings.max_seconds,
        limits=isolated.PARSING,
    )
    if not answers:
        raise isolated.IsolatedError(f"cron and logrotate could not be searched: {problem}")

    found = LegacyScan.of_json(answers[0]).found

    return take(found, settings.treatment, settings.archive, check_mode)


def checks(settings: PreflightSettings) -> list[HostCheck]:
    """Return all checks of a host, in the order of their findings."""
    mark, required = settings.mark, settings.require_acceptance

    return [
        HostCheck(["host:rights"], lambda: [host.rights()]),
        HostCheck(["host:python"], lambda: [host.python()]),
        *(
            _single(f"python_module:{entry.module}", host.python_module, entry)
            for entry in settings.python_modules
        ),
        *(_single(f"disk:{entry.path}", host.disk, entry) for entry in settings.disks),
        *(
            _single(f"path:{entry.path}", host.required_path, entry)
            for entry in settings.required_paths
        ),
        HostCheck(
            [f"unit:{name}" for name in settings.units],
            lambda: host.units(settings.units, Deadline(CHECK_SECONDS / 2)),
        ),
        HostCheck(["legacy:scan"], lambda: legacy_findings(scan(settings.legacy_patterns))),
        HostCheck(["host:accepted"], lambda: [acceptance_finding(mark, settings.host, required)]),
    ]


def _single(name: str, check: Callable[[_Entry], Finding], entry: _Entry) -> HostCheck:
    """Return a check of one entry of the profile."""
    return HostCheck([name], lambda: [check(entry)])


def _check(planned: Sequence[HostCheck], deadline: Deadline) -> list[Finding]:
    """Return the findings of all checks; one that did not come back is ``unknown``."""
    outcomes = isolated.run_each(
        [check.findings for check in planned],
        CHECK_SECONDS,
        deadline,
        limits=isolated.PARSING,
    )
    found: list[Finding] = []

    for check, (findings, problem) in zip(planned, outcomes, strict=True):
        found += findings
        if problem:
            seen = {finding["check"] for finding in findings}
            found += [
                Subject(name).finding("unknown", f"This could not be checked: {problem}.")
                for name in check.names
                if name not in seen
            ]

    return found


def _accept(settings: PreflightSettings, check_mode: bool) -> list[dict[str, str]]:
    """Write the mark when asked to, once, and return the diff.

    A damaged mark is left to its finding.
    """
    mark = settings.mark
    if not settings.accept_by or mark.exists():
        return []

    text = f"accepted by {settings.accept_by}\n"
    if not check_mode:
        text = acceptance.write(mark, settings.accept_by, settings.run_id)

    return [{"before_header": str(mark), "after_header": str(mark), "before": "", "after": text}]
