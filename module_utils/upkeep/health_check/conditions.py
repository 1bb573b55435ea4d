# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Conditions on a value of an answer, and the path that leads to a value in a JSON document."""

from __future__ import annotations

import math
import re
import typing as t
from collections.abc import Mapping

from ..base.options import Options, option
from .check import CheckError
from .kind import NEVER, OTHERWISE

#: The options of a condition; kinds take the tests that make sense for them.
OPTIONS: t.Final[Options] = {
    "equals": option("raw", "The value is this."),
    "at_least": option("float", "The value is a number not below this."),
    "at_most": option("float", "The value is a number not above this."),
    "matches": option("str", "The value is text in which this regular expression is found."),
    "exists": option("bool", "Whether the path leads somewhere."),
    "severity": option(
        "str",
        "What the finding becomes when the condition does not hold.",
        choices=["warning", "critical"],
        default="critical",
    ),
}
TESTS: t.Final = ("equals", "at_least", "at_most", "matches", "exists")
Condition = Mapping[str, t.Any]

_STEP: t.Final = re.compile(r"(?:\\.|[^.\\])+", re.DOTALL)
_LONGEST: t.Final = 200


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
        is_index = step.isascii() and step.isdigit()
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and is_index and int(step) < len(value):
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


def _meets(test: str, target: t.Any, value: t.Any) -> bool:
    if test == "exists":
        return (value is not MISSING) is bool(target)
    if test == "equals":
        return _same(value, target)
    if test == "matches":
        return isinstance(value, str) and re.search(target, value) is not None
    if not _is_number(value):
        return False

    return bool(value >= target if test == "at_least" else value <= target)


def expected_text(condition: Condition) -> str:
    """Return the condition as a finding shows it: ``at least 10``."""
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


def describe(condition: Condition) -> str:
    """Return the condition as the page of a system shows it: ``is at least 10``."""
    words = {
        "equals": "is `{}`",
        "at_least": "is at least {:g}",
        "at_most": "is at most {:g}",
        "matches": "matches `{}`",
    }
    tests = [
        text.format(condition[key]) for key, text in words.items() if condition.get(key) is not None
    ]
    if condition.get("exists") is not None:
        tests.append("is there" if condition["exists"] else "is not there")

    return " and ".join(tests)


def severity_words(condition: Condition) -> tuple[str, str]:
    """Return the columns ``warning`` and ``critical`` of a condition that may not hold."""
    return (NEVER, OTHERWISE) if is_critical(condition) else (OTHERWISE, NEVER)


def is_critical(condition: Condition) -> bool:
    """Return whether it is critical that the condition does not hold."""
    return bool(condition["severity"] == "critical")


def as_scalar(value: t.Any) -> t.Any:
    """Return the value as a scalar of bounded length for a finding."""
    if value is None or isinstance(value, bool | int) or _is_number(value):
        return value

    text = value if isinstance(value, str) else repr(value)

    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def validate(condition: Condition) -> None:
    """Raise CheckError for a condition without a test, or with a bad regular expression."""
    if all(condition.get(test) is None for test in TESTS):
        raise CheckError(f"a condition needs one of {', '.join(TESTS)}")

    validate_pattern(condition.get("matches"))


def validate_pattern(pattern: str | None) -> None:
    """Raise CheckError when ``pattern`` is given and is not a regular expression."""
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise CheckError(f"{pattern!r} is not a regular expression: {error}") from error


def _is_number(value: t.Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)

    return is_number and math.isfinite(value)


def _same(value: t.Any, target: t.Any) -> bool:
    """Compare as JSON does: ``true`` is not 1."""
    if isinstance(value, bool) or isinstance(target, bool):
        return value is target

    return bool(value == target)
