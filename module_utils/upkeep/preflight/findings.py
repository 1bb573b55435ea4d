# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What preflight reports of old jobs and of the acceptance of a host."""

from __future__ import annotations

import typing as t
from pathlib import Path

from .. import acceptance
from ..base.files import reason_of
from ..base.redact import redact_command
from ..base.text import limit_text, visible
from ..findings import Finding, Subject
from .legacy import LegacyJobs, LegacyScan

_ACCEPTED: t.Final = Subject("host:accepted")
_SCAN: t.Final = Subject("legacy:scan")
#: Characters of a line that are looked at for secrets before it is cut for people.
_LOOKED_AT: t.Final = 4096


def printable(text: str, limit: int = 200) -> str:
    """Return text on one line of at most ``limit`` characters, without secrets."""
    return limit_text(visible(redact_command(text[:_LOOKED_AT])), limit)


def legacy_findings(scan: LegacyScan) -> list[Finding]:
    """Return a warning for each file with old jobs, and one finding for the search itself."""
    return [*(_jobs_finding(jobs) for jobs in scan.found), _scan_finding(scan)]


def acceptance_finding(mark: Path, host: str, required: bool) -> Finding:
    """Return ``critical`` for a host that nobody accepted, which keeps the gate shut."""
    try:
        accepted = acceptance.read(mark)
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        return _ACCEPTED.finding(
            "critical" if required else "info",
            f"{mark} cannot be read ({visible(reason)}): remove it and accept the host again.",
            observed="damaged",
            expected="accepted",
        )

    if accepted is not None:
        message = f"Accepted by {printable(accepted['by'])} on {printable(accepted['at'])}."
        return _ACCEPTED.finding("ok", message, observed="accepted", expected="accepted")
    if not required:
        message = "This inventory asks for no acceptance of its hosts."
        return _ACCEPTED.finding("ok", message, observed="not asked")

    message = (
        "Nobody has accepted this host yet, so runs only look at it. Read the findings, then: "
        f"ansible-playbook playbooks/onboard_hosts.yml --limit {host} -e preflight_accept=true"
    )

    return _ACCEPTED.finding("critical", message, observed="not accepted", expected="accepted")


def _jobs_finding(jobs: LegacyJobs) -> Finding:
    more = f" and {len(jobs.commands) - 1} more" if len(jobs.commands) > 1 else ""
    message = (
        f"An old job still runs here: {printable(jobs.commands[0])}{more}. Take it over with "
        "-e preflight_legacy=adopt, or remove it with -e preflight_legacy=remove."
    )
    subject = Subject(f"legacy:{printable(jobs.file.path)}")

    return subject.finding("warning", message, observed=len(jobs.commands), expected=0, unit="jobs")


def _scan_finding(scan: LegacyScan) -> Finding:
    if scan.unreadable:
        message = (
            f"Not every file of cron and logrotate could be read: {printable(scan.unreadable[0])}. "
            "Does the play have 'become: true'?"
        )
        return _SCAN.finding(
            "unknown", message, observed=len(scan.unreadable), expected=0, unit="files"
        )

    message = f"{scan.read} files of cron and logrotate were searched for old jobs."

    return _SCAN.finding("ok", message, observed=len(scan.found), unit="files")
