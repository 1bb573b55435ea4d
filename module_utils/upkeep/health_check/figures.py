# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Figures that a service gives of itself, such as the connections of its pool that are in use."""

from __future__ import annotations

import math
import typing as t
from collections.abc import Collection, Iterator, Mapping

from ..base.options import Option, option, requirements
from ..findings import Finding, Limits
from .check import Check, CheckError
from .conditions import as_scalar
from .kind import Row, limit_options, limit_words

Entry = Mapping[str, t.Any]


def figures_option(key: str, description: str, **places: Option) -> Option:
    """Return the option for a list of figures; ``places`` say where each of them is."""
    return option(
        "list",
        f"{description} Each adds the finding C(kind:name.figure).",
        elements="dict",
        default=[],
        options={
            "name": option(
                "str",
                f"Name of the figure, unique among O(checks[].{key}).",
                required=True,
                pattern=r"[a-z][a-z0-9_]*",
                why="since its finding is named after it",
            ),
            **places,
            "unit": option("str", "Unit, for people.", default=""),
            **limit_options("than this"),
            "requirements": requirements(),
        },
    )


def judge(check: Check, entry: Entry, value: t.Any, whole: t.Any = None) -> Finding:
    """Return the finding on one figure; with ``whole``, on its share of that in per cent.

    What is not a number is unknown.
    """
    subject, name = check.aspect_subject(entry), entry["name"]
    wrong = [part for part in (value, *_given(whole)) if not _is_number(part)]
    if wrong:
        seen = as_scalar(wrong[0])
        message = f"{name} is {seen}, not a number: see what the service calls it"
        return subject.finding("unknown", message, aspect=name, observed=seen)
    if whole is not None and whole <= 0:
        message = f"{name} cannot be a share of {whole:g}"
        return subject.finding("unknown", message, aspect=name, observed=value)

    is_share = whole is not None
    figure = round(100 * value / whole, 1) if is_share else value
    words = f"{value:g} of {whole:g}" if is_share else f"{value:g} {entry['unit']}".rstrip()

    return subject.measured(
        figure,
        Limits.of(entry),
        f"{name} is {words}",
        check.advice or "see what keeps it so high",
        aspect=name,
        unit="%" if is_share else entry["unit"],
    )


def describe(check: Check, entry: Entry, place: str, *, is_share: bool = False) -> Row:
    """Return the row of a figure for the page of a system."""
    unit = "%" if is_share else entry["unit"]
    words = limit_words(Limits.of(entry), f" {unit}".rstrip())

    return Row(f"{check.id}.{entry['name']}", place, *words, tuple(entry["requirements"]))


def names(check: Check, key: str) -> tuple[str, ...]:
    """Return the names of the findings of all figures."""
    return tuple(f"{check.id}.{entry['name']}" for entry in check.options[key])


def validate(check: Check, key: str, taken: Collection[str]) -> None:
    """Raise CheckError for a figure with the name of another one or of an aspect."""
    seen = set(taken)
    for entry in check.options[key]:
        if entry["name"] in seen:
            raise CheckError(f"{key}: {entry['name']!r} is a duplicate name, or that of an aspect")

        seen.add(entry["name"])
        check.aspect_subject(entry).finding("ok", "the requirement ids fit the schema")


def _given(whole: t.Any) -> Iterator[t.Any]:
    if whole is not None:
        yield whole


def _is_number(value: t.Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
