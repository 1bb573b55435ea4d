# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Acknowledgements: findings that somebody knows about, for a stated reason and until a stated day.

The file is a YAML list; each entry names one finding by its fingerprint (the report shows it)::

    - fingerprint: 1f0c9d2ab34e5f67
      status: warning          # the worst status that is muted: warning, unknown or critical
      owner: on-call           # who answers for it
      reason: bigger disk is ordered
      until: 2026-03-31        # last day that it counts, at most 90 days ahead
"""

from __future__ import annotations

import hashlib
import re
import typing as t
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import yaml
from ansible.module_utils.upkeep.findings import SEVERITY, Finding, complete, finding

KEYS: t.Final = ("fingerprint", "status", "owner", "reason", "until")
MUTABLE: t.Final = ("warning", "unknown", "critical")
#: Statuses of a finding that nobody has to acknowledge.
FINE: t.Final = ("ok", "info")
#: Days for which an entry may mute a finding: nobody decides for longer without another look.
LONGEST_DAYS: t.Final = 90
MAX_BYTES: t.Final = 1_000_000
AREA: t.Final = "run"


class AcknowledgementError(ValueError):
    """An entry that does not fit; the message names the file, the entry and what to change."""


class Acknowledgement(t.TypedDict):
    """One entry; ``until`` is an ISO date and still counts on that day."""

    fingerprint: str
    status: str
    owner: str
    reason: str
    until: str


class AcknowledgementFile(t.NamedTuple):
    """The entries of a file, its path, and the digest of its bytes ('' for a missing file)."""

    entries: list[Acknowledgement]
    path: str
    sha256: str


def load(path: Path, today: date, longest_days: int = LONGEST_DAYS) -> AcknowledgementFile:
    """Return the entries of a file; a missing file has none.

    Raises AcknowledgementError for a file that cannot be read and for an entry that does not fit.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return AcknowledgementFile([], str(path), "")
    except OSError as error:
        raise AcknowledgementError(f"{path} cannot be read: {error.strerror}") from error

    if len(data) > MAX_BYTES:
        raise AcknowledgementError(f"{path} has more than {MAX_BYTES} bytes")

    last = today + timedelta(days=longest_days)
    listed = _parse(data, path)
    entries = [_check(entry, f"{path}, entry {number}") for number, entry in enumerate(listed, 1)]
    _check_terms(entries, path, last)

    return AcknowledgementFile(entries, str(path), hashlib.sha256(data).hexdigest())


def _parse(data: bytes, path: Path) -> list[t.Any]:
    """Return the list of a YAML file; every scalar stays text, as it was written."""
    try:
        listed = yaml.load(data.decode("utf-8"), yaml.BaseLoader)  # noqa: S506 - makes text only
    except UnicodeDecodeError as error:
        raise AcknowledgementError(f"{path} is not UTF-8 text: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise AcknowledgementError(f"{path} is not YAML: {error}") from error

    if listed in (None, ""):
        return []
    if not isinstance(listed, list):
        raise AcknowledgementError(f"{path} must hold a list of acknowledgements")

    return listed


def _check(entry: t.Any, where: str) -> Acknowledgement:
    if not isinstance(entry, dict) or set(entry) != set(KEYS):
        found = sorted(map(str, entry)) if isinstance(entry, dict) else repr(entry)
        raise AcknowledgementError(f"{where} must have exactly the keys {list(KEYS)}, not {found}")

    for key in KEYS:
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise AcknowledgementError(f"{where}: '{key}' must be text that is not empty")

    if not re.fullmatch(r"[0-9a-f]{16}", entry["fingerprint"]):
        named = f"fingerprint {entry['fingerprint']!r}"
        raise AcknowledgementError(f"{where}: {named} is not 16 hex digits as in the report")
    if entry["status"] not in MUTABLE:
        raise AcknowledgementError(f"{where}: status {entry['status']!r} must be one of {MUTABLE}")
    if not _is_date(entry["until"]):
        named = f"until {entry['until']!r}"
        raise AcknowledgementError(f"{where}: {named} must be a date like 2026-03-31")

    return t.cast(Acknowledgement, entry)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _check_terms(entries: list[Acknowledgement], path: Path, last: date) -> None:
    """Raise AcknowledgementError for a term that is too long and for a duplicate fingerprint."""
    for number, entry in enumerate(entries, 1):
        if date.fromisoformat(entry["until"]) > last:
            raise AcknowledgementError(
                f"{path}, entry {number}: until {entry['until']} is too far ahead; at most {last}, "
                "so that somebody looks again"
            )

    counts = Counter(entry["fingerprint"] for entry in entries)
    for fingerprint, count in counts.items():
        if count > 1:
            raise AcknowledgementError(f"{path}: duplicate fingerprint {fingerprint}")


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


def notes(
    findings: t.Iterable[Finding], entries: t.Iterable[Acknowledgement], today: date
) -> list[Finding]:
    """Return notes about entries that mute nothing: expired, fine by now, not in this run."""
    statuses = {f["fingerprint"]: f["status"] for f in findings}
    groups: dict[str, list[str]] = {"expired": [], "fine": [], "unmatched": []}

    for entry in entries:
        named = f"{entry['fingerprint']} ({entry['owner']}, until {entry['until']})"
        status = statuses.get(entry["fingerprint"])
        if date.fromisoformat(entry["until"]) < today:
            groups["expired"].append(named)
        elif status is None:
            groups["unmatched"].append(named)
        elif status in FINE:
            groups["fine"].append(named)

    return [_note(kind, named) for kind, named in groups.items() if named]


_WORDS: t.Final = {
    "expired": "Their last day is over, so they mute nothing: renew or remove them",
    "fine": "What they name is fine now: remove them",
    "unmatched": "This run has no such finding: right when it checked less than other runs do",
}
#: Entries that one note names; more are counted.
_NAMED: t.Final = 5


def _note(kind: str, named: list[str]) -> Finding:
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    part = finding(
        f"acknowledgements:{kind}",
        "info",
        f"{_WORDS[kind]}: {', '.join(named[:_NAMED])}{more}.",
        observed=len(named),
        unit="entries",
    )

    return complete(part, system="", host="localhost", area=AREA)
