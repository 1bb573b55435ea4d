# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May the hosts of a system be changed now?

Decided for the whole system, and closed unless shown open.
"""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import HOLDING_CHANGE

#: What holds a change back unless a profile says otherwise: kinds of health checks that say so, and
#: what other roles found about the host, the lock and the backup.
HOLDING_CHECKS: t.Final = tuple(f"{name}:*" for name in (*HOLDING_CHANGE, "host", "lock", "backup"))
#: Statuses that hold a change back: broken, or nobody could look.
HOLDING: t.Final = ("critical", "unknown")


@dataclass(frozen=True)
class GateDecision:
    """Whether a system is cleared for change, and every reason against it in plain words."""

    cleared: bool
    reasons: list[str]


def decide(
    hosts: t.Sequence[str],
    live: t.Collection[str],
    findings: t.Mapping[str, t.Sequence[Finding]],
    *,
    holding_checks: t.Sequence[str],
    required_checks: t.Sequence[str],
    allow_unseen: bool = False,
    in_play: t.Collection[str] | None = None,
) -> GateDecision:
    """Return the decision for one system.

    ``hosts`` are all hosts of the system, ``in_play`` those this run was asked to look at
    (``--limit``) and ``live`` those that have not failed so far. ``findings`` are this run's
    findings by host. A finding holds the change when its check matches one of ``holding_checks``
    (shell patterns) and its status is in HOLDING. Each pattern of ``required_checks`` must be
    matched by some finding of the system, or nobody looked.
    """
    asked = set(hosts) if in_play is None else set(in_play)
    unseen = [host for host in hosts if host not in asked]
    reasons = [] if allow_unseen else [_left_out(host) for host in unseen]
    for host in (h for h in hosts if h in asked):
        reasons += _host_reasons(host, live, findings.get(host, ()), holding_checks)

    reasons += _missing_checks(findings, required_checks)

    return GateDecision(cleared=not reasons, reasons=reasons)


def _left_out(host: str) -> str:
    return (
        f"{host} was left out by --limit, so its state is not known "
        "(widen the limit or pass -e gate_allow_unseen=true)"
    )


def _host_reasons(
    host: str, live: t.Collection[str], findings: t.Sequence[Finding], patterns: t.Sequence[str]
) -> list[str]:
    if host not in live:
        return [f"{host} failed or did not answer earlier in this run"]
    if not findings:
        return [f"{host} was not looked at in this run"]

    held = [
        f"{f['check']} ({f['status']})"
        for f in findings
        if f["status"] in HOLDING and matches(f["check"], patterns)
    ]

    return [f"{host} has {', '.join(held)}"] if held else []


def _missing_checks(
    findings: t.Mapping[str, t.Sequence[Finding]], required: t.Sequence[str]
) -> list[str]:
    seen = [f["check"] for own in findings.values() for f in own]
    return [f"no host reported a check '{p}'" for p in required if not fnmatch.filter(seen, p)]


def matches(check: str, patterns: t.Sequence[str]) -> bool:
    """Return whether a check's name matches one of the shell patterns."""
    return any(fnmatch.fnmatchcase(check, pattern) for pattern in patterns)
