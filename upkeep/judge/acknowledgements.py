# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Acknowledgements: findings that somebody knows about, for a stated reason and until a stated day.

The file is a YAML list; each entry names one finding by its fingerprint (the report shows it)::

    - fingerprint: 1f0c9d2ab34e5f67
      status: warning          # the worst status that is muted: warning, unknown or critical
      owner: on-call           # who answers for it
      reason: bigger disk is ordered
      until: 2026-12-31        # last day that it counts
"""

from __future__ import annotations

import re
import typing as t
from datetime import date
from pathlib import Path

import yaml
from ansible.module_utils.upkeep.findings import SEVERITY, Finding

KEYS: t.Final = frozenset({"fingerprint", "status", "owner", "reason", "until"})
MUTABLE: t.Final = ("warning", "unknown", "critical")


class AcknowledgementError(ValueError):
    """An entry that does not fit; the message names the entry and what to change."""


class Acknowledgement(t.TypedDict):
    """One entry; ``until`` is an ISO date and still counts on that day."""

    fingerprint: str
    status: str
    owner: str
    reason: str
    until: str


def load(path: Path) -> list[Acknowledgement]:
    """Return the entries of a file; a missing file has none.

    Raises AcknowledgementError for one that does not fit.
    """
    if not path.exists():
        return []

    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except yaml.YAMLError as error:
        raise AcknowledgementError(f"{path} is not YAML: {error}") from error

    if not isinstance(entries, list):
        raise AcknowledgementError(f"{path} must hold a list of acknowledgements")

    return [_check(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, 1)]


def _check(entry: t.Any, where: str) -> Acknowledgement:
    if not isinstance(entry, dict) or set(entry) != KEYS:
        found = sorted(entry) if isinstance(entry, dict) else entry
        raise AcknowledgementError(
            f"{where} must have exactly the keys {sorted(KEYS)}, not {found}"
        )

    if not re.fullmatch(r"[0-9a-f]{16}", str(entry["fingerprint"])):
        raise AcknowledgementError(
            f"{where}: fingerprint {entry['fingerprint']!r} is not 16 hex digits as in the report"
        )
    if entry["status"] not in MUTABLE:
        raise AcknowledgementError(f"{where}: status {entry['status']!r} must be one of {MUTABLE}")

    for key in ("owner", "reason"):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise AcknowledgementError(f"{where}: '{key}' must say who or why")

    if not isinstance(entry["until"], date):
        raise AcknowledgementError(
            f"{where}: until {entry['until']!r} must be a date like 2026-12-31"
        )

    return t.cast(
        Acknowledgement,
        {**entry, "fingerprint": str(entry["fingerprint"]), "until": entry["until"].isoformat()},
    )


def acknowledged(
    findings: t.Iterable[Finding], entries: t.Iterable[Acknowledgement], today: date
) -> dict[str, Acknowledgement]:
    """Return, by fingerprint, the entry that mutes a finding today.

    A status worse than the entry's is not muted.
    """
    valid = {e["fingerprint"]: e for e in entries if date.fromisoformat(e["until"]) >= today}
    return {
        f["fingerprint"]: valid[f["fingerprint"]]
        for f in findings
        if f["fingerprint"] in valid
        and f["status"] in MUTABLE
        and SEVERITY.index(f["status"]) >= SEVERITY.index(valid[f["fingerprint"]]["status"])
    }
