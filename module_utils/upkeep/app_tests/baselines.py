# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures of a performance suite against the baseline that somebody approved."""

from __future__ import annotations

import datetime as dt
import math
import re
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..findings import Finding, Limits, Subject
from .errors import TestsError
from .junit import MeasuredFigure
from .settings import Figure

RENEW: t.Final = "ansible-playbook playbooks/renew_baseline.yml -e baseline_approved_by=NAME"
#: What a record may hold.
FIELDS: t.Final = frozenset(("value", "unit", "approved_by", "date", "tolerance"))
LEVELS: t.Final = ("warning_percent", "critical_percent")

_DATE: t.Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class BaselineRecord:
    """The approved value of a figure; its percents, where given, replace those of the profile."""

    value: float
    unit: str
    approved_by: str
    date: dt.date
    warning_percent: float | None = None
    critical_percent: float | None = None

    def limits(self, figure: Figure) -> Limits:
        """Return the limits of a figure in its own unit."""
        warning, critical = self.warning_percent, self.critical_percent
        warning = figure.warning_percent if warning is None else warning
        critical = figure.critical_percent if critical is None else critical

        return Limits(
            warning=self._limit(figure, warning),
            critical=None if critical is None else self._limit(figure, critical),
            side=figure.worse,
        )

    def _limit(self, figure: Figure, percent: float) -> float:
        sign = 1 if figure.worse == "above" else -1

        return self.value * (1 + sign * percent / 100)


class RecordError(Exception):
    """A record that cannot be used; the message says why."""


def record_of(given: t.Any) -> BaselineRecord:
    """Return a record of the baseline; raises RecordError."""
    if not isinstance(given, dict):
        raise RecordError(f"it is a {type(given).__name__}, not a mapping")

    unknown = sorted(set(given) - FIELDS, key=str)
    if unknown:
        raise RecordError(f"it holds {unknown[0]!r}; known are {', '.join(sorted(FIELDS))}")

    tolerance = given.get("tolerance") or {}
    if not isinstance(tolerance, dict) or set(tolerance) - set(LEVELS):
        raise RecordError(f"its tolerance may hold {' and '.join(LEVELS)} only")

    value = _number("value", given.get("value"))
    if value <= 0:
        raise RecordError(f"its value is {value:g}; it must be above 0")

    return BaselineRecord(
        value=value,
        unit=str(given.get("unit", "")),
        approved_by=str(given.get("approved_by", "")),
        date=_date(given),
        **{key: _number(key, tolerance[key]) for key in tolerance},
    )


def _number(name: str, value: t.Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RecordError(f"its {name} is {value!r}, not a number")

    return float(value)


def _date(given: dict[str, t.Any]) -> dt.date:
    text = str(given.get("date", ""))
    try:
        if _DATE.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass

    raise RecordError(f"its date is {text!r}, not YYYY-MM-DD")


def figure_finding(
    figure: Figure,
    measured: MeasuredFigure | None,
    baseline: Mapping[str, t.Any],
    problem: str,
    max_age: dt.timedelta | None,
) -> Finding:
    """Return how a figure compares with its baseline.

    ``problem`` is why there is no baseline, ``max_age`` from when on a record is old.
    """
    about = Subject(f"performance:{figure.name}", figure.requirements)
    if measured is None:
        message = "The suite did not measure it: a test must record it as a property of its own."
        return about.finding("unknown", message)

    record, obstacle = _comparable(figure, measured, baseline, problem)
    if record is None:
        return about.finding("unknown", obstacle, observed=measured.value, unit=measured.unit)

    return _compared(about, figure, measured, record, max_age)


def _comparable(
    figure: Figure, measured: MeasuredFigure, baseline: Mapping[str, t.Any], problem: str
) -> tuple[BaselineRecord | None, str]:
    """Return the record that a figure is compared with, or why there is none."""
    if problem:
        return None, f"Not compared: {problem}."
    if figure.name not in baseline:
        return None, f"No baseline has been approved for it yet. When this value is right: {RENEW}"

    try:
        record = record_of(baseline[figure.name])
    except RecordError as error:
        return None, f"Its record in the baseline is damaged: {error}. Write it again: {RENEW}"

    if record.unit != measured.unit:
        units = f"measured in '{measured.unit}', but its baseline in '{record.unit}'"
        return None, f"It is {units}. Renew it: {RENEW}"

    return record, ""


def _compared(
    about: Subject,
    figure: Figure,
    measured: MeasuredFigure,
    record: BaselineRecord,
    max_age: dt.timedelta | None,
) -> Finding:
    sign = 1 if figure.worse == "above" else -1
    worse = sign * (measured.value / record.value - 1) * 100
    direction = "worse" if worse > 0 else "better"
    base = f"{record.value:g} {record.unit}".strip()
    message = f"It is {abs(worse):.0f} % {direction} than the {base}"
    message += f" that {record.approved_by} approved on {record.date}"
    limits = record.limits(figure)
    status = limits.judge(measured.value)

    if status == "ok" and max_age and dt.datetime.now(dt.UTC).date() - record.date > max_age:
        status = "info"
        message += f", more than {max_age.days} days ago. Renew the baseline: {RENEW}"

    return about.measured(
        measured.value,
        limits,
        message,
        "find out what has changed since; only then renew the baseline",
        unit=measured.unit,
        status=status,
    )


def new_records(
    figures: Iterable[Figure],
    measured: Mapping[str, MeasuredFigure],
    baseline: Mapping[str, t.Any],
    approved_by: str,
    today: dt.date,
) -> dict[str, t.Any]:
    """Return the baseline with measured figures in it; a tolerance that was approved stays.

    Raises TestsError.
    """
    records = dict(baseline)
    for figure in figures:
        seen = measured.get(figure.name)
        if seen is None:
            raise TestsError(f"nothing is recorded: the figure '{figure.name}' was not measured")
        if seen.value <= 0:
            value = f"the figure '{figure.name}' is {seen.value:g}"
            raise TestsError(f"nothing is recorded: {value}; a baseline must be above 0")

        record = {
            "value": seen.value,
            "unit": seen.unit,
            "approved_by": approved_by,
            "date": today.isoformat(),
        }
        old = baseline.get(figure.name)
        if isinstance(old, dict) and old.get("tolerance"):
            record["tolerance"] = old["tolerance"]

        records[figure.name] = record

    return records
