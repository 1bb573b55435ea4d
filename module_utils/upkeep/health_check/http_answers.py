# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with an HTTP answer."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Mapping

from . import conditions
from .clients.http import HttpAnswer, public_url


class AnswerProblem(t.NamedTuple):
    """One thing that is wrong with an answer."""

    status: str
    observed: t.Any
    expected: t.Any
    message: str


def problems(options: Mapping[str, t.Any], answer: HttpAnswer) -> list[AnswerProblem]:
    """Return what is wrong with the answer; nothing else is judged when the status is wrong."""
    if answer.status not in options["expect_status"]:
        return [_wrong_status(options["expect_status"], answer)]

    missing = [
        AnswerProblem("critical", "missing", f"header {name}", f"the header {name} is missing")
        for name in options["headers_present"]
        if name not in answer.headers
    ]

    return [
        *missing,
        *_body_problems(options["body_regex"], answer),
        *_json_problems(options["json"], answer),
    ]


def _wrong_status(expected: list[int], answer: HttpAnswer) -> AnswerProblem:
    target = answer.headers.get("Location")
    where = f" (to {public_url(target)})" if target else ""
    codes = " or ".join(map(str, expected))
    message = f"answered {answer.status}{where} instead of {codes}"

    return AnswerProblem("critical", answer.status, codes, message)


def _body_problems(pattern: str | None, answer: HttpAnswer) -> list[AnswerProblem]:
    if pattern is None or re.search(pattern, _text(answer)):
        return []
    if answer.truncated:
        return [_too_long(answer)]

    message = f"the body does not match {pattern}"

    return [AnswerProblem("critical", "no match", f"matches {pattern}", message)]


def _text(answer: HttpAnswer) -> str:
    """Return the body as text in the charset that the answer names."""
    charset = answer.headers.get_content_charset("utf-8")
    try:
        return answer.body.decode(charset, "replace")
    except LookupError:
        return answer.body.decode("utf-8", "replace")


def _json_problems(rules: list[conditions.Condition], answer: HttpAnswer) -> list[AnswerProblem]:
    if not rules:
        return []
    if answer.truncated:
        return [_too_long(answer)]

    try:
        document = json.loads(answer.body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return [AnswerProblem("critical", "not JSON", "JSON", "the body is not JSON")]

    return [
        _failed_rule(rule, value)
        for rule in rules
        if not conditions.holds(rule, value := conditions.lookup(document, rule["path"]))
    ]


def _refuse(constant: str) -> t.NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _failed_rule(rule: conditions.Condition, value: t.Any) -> AnswerProblem:
    path, observed = rule["path"], conditions.as_scalar(value)
    expected = conditions.expected_text(rule)
    message = f"{path} is {observed}, expected {expected}"

    return AnswerProblem(rule["severity"], f"{path}={observed}", expected, message)


def _too_long(answer: HttpAnswer) -> AnswerProblem:
    size = len(answer.body)
    message = f"the body is longer than max_body ({size} bytes), not judged"

    return AnswerProblem("unknown", f"over {size} bytes", None, message)
