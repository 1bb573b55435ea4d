# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Conditions on one value of an answer, and the path that leads to a value in a JSON document."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping

from .check import CheckError

#: Argument spec of a condition; kinds take the tests that make sense for them.
OPTIONS: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "equals": {"type": "raw"},
    "at_least": {"type": "float"},
    "at_most": {"type": "float"},
    "matches": {"type": "str"},
    "exists": {"type": "bool"},
    "severity": {"type": "str", "choices": ["warning", "critical"], "default": "critical"},
}
TESTS: t.Final = ("equals", "at_least", "at_most", "matches", "exists")
Condition = Mapping[str, t.Any]

_STEP = re.compile(r"(?:\\.|[^.\\])+", re.DOTALL)


class _Missing:
    """The value of a path that leads nowhere; JSON's null is a value."""

    def __repr__(self) -> str:
        return "missing"


MISSING: t.Final = _Missing()


def split_path(path: str) -> list[str]:
    r"""Return the steps of ``services.database.0``.

    A backslash takes the next character literally (``a\.b``).
    """
    return [re.sub(r"\\(.)", r"\1", step, flags=re.DOTALL) for step in _STEP.findall(path)]


def lookup(document: t.Any, path: str) -> t.Any:
    """Return the value at ``path`` (digits index lists), or MISSING."""
    value = document
    for step in split_path(path):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif (
            isinstance(value, list) and step.isascii() and step.isdigit() and int(step) < len(value)
        ):
            value = value[int(step)]
        else:
            return MISSING

    return value


def holds(condition: Condition, value: t.Any) -> bool:
    """Return whether ``value`` meets every test of the condition.

    A test of the wrong type is not met.
    """
    return all(
        _meets(test, condition[test], value) for test in TESTS if condition.get(test) is not None
    )


def _meets(test: str, wanted: t.Any, value: t.Any) -> bool:
    if test == "exists":
        return (value is not MISSING) is bool(wanted)
    if test == "equals":
        return _same(value, wanted)
    if test == "matches":
        return isinstance(value, str) and re.search(wanted, value) is not None
    if not _is_number(value):
        return False

    return bool(value >= wanted if test == "at_least" else value <= wanted)


def expected_text(condition: Condition) -> str:
    """Return the condition as a person reads it: ``at least 10``."""
    words = {
        "equals": "{}",
        "at_least": "at least {:g}",
        "at_most": "at most {:g}",
        "matches": "matches {}",
    }
    parts = [
        text.format(condition[test])
        for test, text in words.items()
        if condition.get(test) is not None
    ]
    if condition.get("exists") is not None:
        parts.append("present" if condition["exists"] else "absent")

    return " and ".join(parts)


def shown(value: t.Any) -> t.Any:
    """Return the value as a scalar of bounded length for a finding."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def validate(condition: Condition) -> None:
    """Raise CheckError for a condition without a test or with a pattern that is none."""
    if all(condition.get(test) is None for test in TESTS):
        raise CheckError(f"a condition needs one of {', '.join(TESTS)}")
    validate_pattern(condition.get("matches"))


def validate_pattern(pattern: str | None) -> None:
    """Raise CheckError when ``pattern`` is given and is no regular expression."""
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise CheckError(f"{pattern!r} is no regular expression: {error}") from error


def _is_number(value: t.Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: t.Any, wanted: t.Any) -> bool:
    """Compare as JSON does: ``true`` is not 1."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)
