# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures of a performance suite against the baseline that somebody approved."""

from __future__ import annotations

import datetime as dt
import math
import re
import typing as t
from dataclasses import dataclass

from ..findings import Finding, finding, judge
from .errors import TestsError
from .junit import Measured
from .settings import Figure

RENEW: t.Final = "ansible-playbook playbooks/renew_baseline.yml -e baseline_approved_by=NAME"
#: What a record may hold.
FIELDS: t.Final = frozenset(("value", "unit", "approved_by", "date", "tolerance"))

_DATE: t.Final = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True)
class Record:
    """The approved value of a figure.

    ``tolerance`` are levels (%) that go before those of the profile.
    """

    value: float
    unit: str
    approved_by: str
    date: dt.date
    warning_percent: float | None = None
    critical_percent: float | None = None


class RecordError(Exception):
    """A record that cannot be used; the message says why."""


def record_of(given: t.Any) -> Record:
    """Return a record of the baseline; raises RecordError."""
    if not isinstance(given, dict):
        raise RecordError(f"it is a {type(given).__name__}, not a mapping")

    strange = sorted(set(given) - FIELDS, key=str)
    if strange:
        raise RecordError(f"it holds {strange[0]!r}, which is none of {', '.join(sorted(FIELDS))}")

    tolerance = given.get("tolerance") or {}
    if not isinstance(tolerance, dict) or set(tolerance) - {"warning_percent", "critical_percent"}:
        raise RecordError("its tolerance may hold warning_percent and critical_percent only")

    value = _number("value", given.get("value"))
    if value <= 0:
        raise RecordError(f"its value is {value:g}; nothing can be a percentage of that")

    levels = {key: _number(key, tolerance[key]) for key in tolerance}

    return Record(
        value, str(given.get("unit", "")), str(given.get("approved_by", "")), _date(given), **levels
    )


def _number(name: str, value: t.Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RecordError(f"its {name} is {value!r}, not a number")
    return float(value)


def _date(given: dict[str, t.Any]) -> dt.date:
    text = str(given.get("date", ""))
    try:
        if _DATE.match(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass

    raise RecordError(f"its date is {text!r}, not YYYY-MM-DD")


def figure_finding(
    figure: Figure,
    measured: Measured | None,
    baseline: t.Mapping[str, t.Any],
    problem: str,
    max_age: dt.timedelta | None,
) -> Finding:
    """Return how a figure compares.

    ``problem`` says why there is no baseline, ``max_age`` when a record is old.
    """
    check = f"performance:{figure.name}"
    if measured is None:
        message = "The suite did not measure it: a test must record it as a property of its own."
        return finding(check, "unknown", message, requirements=figure.requirements)

    seen: dict[str, t.Any] = {
        "observed": measured.value,
        "unit": measured.unit,
        "requirements": figure.requirements,
    }
    if problem:
        return finding(check, "unknown", f"Not compared: {problem}.", **seen)
    if figure.name not in baseline:
        message = f"Nobody has approved a baseline for it yet. When this value is right: {RENEW}"
        return finding(check, "unknown", message, **seen)

    try:
        record = record_of(baseline[figure.name])
    except RecordError as error:
        return finding(
            check,
            "unknown",
            f"Its record in the baseline is damaged: {error}. Write it anew: {RENEW}",
            **seen,
        )

    if record.unit != measured.unit:
        message = f"It is measured in '{measured.unit}', but its baseline in '{record.unit}'. Renew it: {RENEW}"
        return finding(check, "unknown", message, **seen)

    return _compared(figure, measured, record, max_age, check)


def _compared(
    figure: Figure, measured: Measured, record: Record, max_age: dt.timedelta | None, check: str
) -> Finding:
    sign = 1 if figure.worse == "above" else -1
    worse = sign * (measured.value / record.value - 1) * 100
    warning = figure.warning_percent if record.warning_percent is None else record.warning_percent
    critical = (
        figure.critical_percent if record.critical_percent is None else record.critical_percent
    )
    status = judge(worse, warning, critical)
    limit = record.value * (1 + sign * warning / 100)
    word = "most" if sign > 0 else "least"
    base = f"{record.value:g} {record.unit}".strip()
    approved = f"that {record.approved_by} approved on {record.date}"
    change = f"{abs(worse):.0f} % {'worse' if worse > 0 else 'better'} than the {base} {approved}"
    if status != "ok":
        message = f"It is {change}. Find out what has changed since; only then renew the baseline."
    elif max_age and dt.datetime.now(dt.UTC).date() - record.date > max_age:
        status = "info"
        message = f"It is {change}, more than {max_age.days} days ago. Renew the baseline: {RENEW}"
    else:
        message = f"It is {change}."

    return finding(
        check,
        status,
        message,
        observed=measured.value,
        expected=f"at {word} {limit:g}",
        unit=measured.unit,
        requirements=figure.requirements,
    )


def new_records(
    figures: t.Iterable[Figure],
    measured: t.Mapping[str, Measured],
    baseline: t.Mapping[str, t.Any],
    approved_by: str,
    today: dt.date,
) -> dict[str, t.Any]:
    """Return the baseline with measured figures in it; a tolerance that was approved stays.

    Raises TestsError.
    """
    made = dict(baseline)
    for figure in figures:
        seen = measured.get(figure.name)
        if seen is None:
            raise TestsError(
                f"the figure '{figure.name}' was not measured, so there is nothing to record"
            )
        if seen.value <= 0:
            raise TestsError(
                f"the figure '{figure.name}' is {seen.value:g}; a baseline must be above 0"
            )

        entry = {
            "value": seen.value,
            "unit": seen.unit,
            "approved_by": approved_by,
            "date": today.isoformat(),
        }
        old = baseline.get(figure.name)
        if isinstance(old, dict) and old.get("tolerance"):
            entry["tolerance"] = old["tolerance"]

        made[figure.name] = entry

    return made
