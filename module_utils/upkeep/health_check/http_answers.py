# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with an HTTP answer."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping

from . import conditions
from .clients.http import Answer, shown


class Problem(t.NamedTuple):
    """One thing that is wrong with an answer."""

    status: str
    observed: t.Any
    expected: t.Any
    message: str


def problems(options: Mapping[str, t.Any], answer: Answer) -> list[Problem]:
    """Return what is wrong with the answer: nothing else is judged when the status is wrong."""
    if answer.status not in options["expect_status"]:
        target = answer.headers.get("Location")
        where = f" (to {shown(target)})" if target else ""
        wanted = " or ".join(map(str, options["expect_status"]))
        return [
            Problem(
                "critical",
                answer.status,
                wanted,
                f"answered {answer.status}{where} instead of {wanted}",
            )
        ]

    missing = [name for name in options["headers_present"] if name not in answer.headers]
    found = [
        Problem("critical", "missing", f"header {name}", f"the header {name} is missing")
        for name in missing
    ]

    return (
        found
        + _body_problems(options["body_regex"], answer)
        + _json_problems(options["json"], answer)
    )


def _body_problems(pattern: str | None, answer: Answer) -> list[Problem]:
    if pattern is None or re.search(pattern, answer.body.decode("utf-8", "replace")):
        return []
    if answer.truncated:
        return [_too_long(answer)]

    return [
        Problem("critical", "no match", f"matches {pattern}", f"the body does not match {pattern}")
    ]


def _json_problems(rules: list[conditions.Condition], answer: Answer) -> list[Problem]:
    if not rules:
        return []
    if answer.truncated:
        return [_too_long(answer)]

    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return [Problem("critical", "not JSON", "JSON", "the body is not JSON")]

    found = []

    for rule in rules:
        value = conditions.lookup(document, rule["path"])
        if not conditions.holds(rule, value):
            observed, expected = conditions.shown(value), conditions.expected_text(rule)
            message = f"{rule['path']} is {observed}, expected {expected}"
            found.append(Problem(rule["severity"], f"{rule['path']}={observed}", expected, message))

    return found


def _too_long(answer: Answer) -> Problem:
    size = len(answer.body)
    return Problem(
        "unknown",
        f"over {size} bytes",
        None,
        f"the body is longer than max_body ({size} bytes), not judged",
    )
