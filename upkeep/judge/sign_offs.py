# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people have to do in a period, and what they signed off.

The file is a YAML list; each entry names the requirement that somebody fulfilled::

    - id: R-racing-95
      date: 2026-12-31
      by: Ada Lovelace
      note: architecture reviewed, two changes are planned
"""

from __future__ import annotations

import csv
import typing as t
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

import yaml
from ansible.module_utils.upkeep.findings import Finding, complete, finding

KEYS: t.Final = ("id", "date", "by", "note")
#: Days of a period; what is to be done on demand or in an emergency is never overdue.
PERIODS: t.Final[Mapping[str, int]] = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92}
HUMAN: t.Final = "H"
#: What the guides have people do and a health check does: nobody has to sign it off.
BY_PROGRAM: t.Final = frozenset(
    (
        "R-racing-17",
        "R-racing-18",
        "R-student_success-08",
        "R-student_success-09",
        "R-student_success-10",
    )
)
AREA: t.Final = "run"
MAX_BYTES: t.Final = 1_000_000
_LONGEST: t.Final = 200


class SignOffError(ValueError):
    """An entry that does not fit; the message names the file, the entry and what to change."""


class SignOff(t.NamedTuple):
    """That somebody did it on a day."""

    id: str
    date: date
    by: str
    note: str


class Duty(t.NamedTuple):
    """A requirement that a person fulfils once in a period."""

    id: str
    system: str
    cadence: str
    requirement: str

    @property
    def days(self) -> int:
        """The length of its period in days."""
        return PERIODS[self.cadence]


def duties(requirements: Path) -> list[Duty]:
    """Return what people have to do in a period, from docs/requirements.csv."""
    return [
        Duty(row["id"], row["system"], row["cadence"].rstrip("*"), row["requirement"])
        for row in _rows(requirements)
        if row["cadence"].rstrip("*") in PERIODS and row["id"] not in BY_PROGRAM
    ]


def known(requirements: Path) -> set[str]:
    """Return the ids of all that people do, on demand as well."""
    return {row["id"] for row in _rows(requirements)}


def _rows(requirements: Path) -> list[dict[str, str]]:
    with requirements.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["kind"] == HUMAN]


def load(path: Path, known: Collection[str], today: date) -> list[SignOff]:
    """Return the entries of a file; a missing file has none.

    Raises SignOffError for a file that cannot be read and for an entry that does not fit.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SignOffError(f"{path} cannot be read: {error.strerror}") from error

    if len(data) > MAX_BYTES:
        raise SignOffError(f"{path} has more than {MAX_BYTES} bytes")

    try:
        listed = yaml.load(data.decode("utf-8"), yaml.BaseLoader)  # noqa: S506 - makes text only
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise SignOffError(f"{path} is not YAML: {error}") from error

    if not isinstance(listed or [], list):
        raise SignOffError(f"{path} must hold a list of sign-offs")

    return [
        _entry(entry, f"{path}, entry {number}", known, today)
        for number, entry in enumerate(listed or [], 1)
    ]


def _entry(entry: t.Any, where: str, known: Collection[str], today: date) -> SignOff:
    if not isinstance(entry, dict) or set(entry) != set(KEYS):
        raise SignOffError(f"{where} must have exactly the keys {', '.join(KEYS)}")

    for key in KEYS:
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise SignOffError(f"{where}: {key} must be text that is not empty")

    if entry["id"] not in known:
        raise SignOffError(f"{where}: {entry['id']!r} is no requirement of docs/requirements.csv")

    try:
        day = date.fromisoformat(entry["date"])
    except ValueError as error:
        raise SignOffError(f"{where}: date {entry['date']!r} must be like 2026-03-31") from error

    if day > today:
        raise SignOffError(f"{where}: date {day} is in the future")

    return SignOff(entry["id"], day, entry["by"], entry["note"])


def overdue(
    asked: Iterable[Duty],
    entries: Iterable[SignOff],
    systems: Collection[str],
    since: date,
    today: date,
) -> list[Finding]:
    """Return a note for each duty of these systems that nobody signed off in its period.

    One that was never signed off is overdue a period after ``since``, when runs began.
    """
    latest: dict[str, SignOff] = {}
    for entry in sorted(entries, key=lambda entry: entry.date):
        latest[entry.id] = entry

    return [
        _note(duty, latest.get(duty.id))
        for duty in asked
        if duty.system in systems
        and (latest[duty.id].date if duty.id in latest else since)
        < today - timedelta(days=duty.days)
    ]


def _note(duty: Duty, last: SignOff | None) -> Finding:
    seen = f"last signed off on {last.date} by {last.by}" if last else "never signed off"
    message = (
        f"{duty.requirement} This is for a person, {duty.cadence}, and was {seen[:_LONGEST]}: "
        "do it and add a line to sign_offs.yml."
    )
    part = finding(
        f"people:{duty.id}",
        "info",
        message,
        observed=str(last.date) if last else "never",
        expected=duty.cadence,
        requirements=[duty.id],
    )

    return complete(part, system=duty.system, host="people", area=AREA)
