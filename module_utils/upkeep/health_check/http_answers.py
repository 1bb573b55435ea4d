# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with an HTTP answer."""

from __future__ import annotations

import json
import re
import typing as t
import zlib
from collections.abc import Mapping

from . import conditions
from .clients.http import HttpAnswer, public_url, transfer_codings

#: No server packs a body more often than that.
_MOST_CODINGS: t.Final = 3
#: What zlib can read, and how it finds out which of them it is (zlib.h: 15 bits, automatic).
_INFLATED: t.Final = ("gzip", "x-gzip", "deflate")
_ANY_ZLIB: t.Final = 47
#: What some servers call deflate: without the header of zlib.
_RAW_ZLIB: t.Final = -15


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

    answer, codings = unpacked(answer, options["max_body"])
    if codings and (options["body_regex"] or options["json"]):
        return [_not_readable(", ".join(codings))]

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


def document(options: Mapping[str, t.Any], answer: HttpAnswer) -> t.Any:
    """Return the JSON body of an answer, None for a body that is none or too long."""
    answer, codings = unpacked(answer, options["max_body"])
    if codings or answer.truncated:
        return None

    try:
        return json.loads(answer.body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _wrong_status(expected: list[int], answer: HttpAnswer) -> AnswerProblem:
    target = answer.headers.get("Location")
    where = f" (to {public_url(target)})" if target else ""
    codes = " or ".join(map(str, expected))
    message = f"answered {answer.status}{where} instead of {codes}"

    return AnswerProblem("critical", answer.status, codes, message)


def unpacked(answer: HttpAnswer, limit: int) -> tuple[HttpAnswer, list[str]]:
    """Return the answer with its body as it was before it was compressed, and [].

    No compression was asked for; some servers compress all the same. At most ``limit`` bytes are
    kept. When the body cannot be unpacked here: the answer as it is, and the names of its codings.
    """
    named = ",".join(answer.headers.get_all("Content-Encoding", [])).lower().split(",")
    codings = [coding for name in named if (coding := name.strip()) not in ("", "identity")]
    codings += [coding for coding in transfer_codings(answer.headers) if coding != "chunked"]
    if len(codings) > _MOST_CODINGS or not set(codings) <= set(_INFLATED):
        return answer, codings[:_MOST_CODINGS]

    for coding in reversed(codings):
        body = _inflated(answer.body, coding, limit)
        truncated = answer.truncated or len(body) > limit
        answer = answer._replace(body=body[:limit], truncated=truncated)

    return answer, []


def _inflated(body: bytes, coding: str, limit: int) -> bytes:
    """Return a body of which at most one byte more than ``limit`` was unpacked."""
    for window in (_ANY_ZLIB, _RAW_ZLIB) if coding == "deflate" else (_ANY_ZLIB,):
        try:
            return zlib.decompressobj(window).decompress(body, limit + 1)
        except zlib.error:
            continue

    return body  # some servers only say so


def _not_readable(encoding: str) -> AnswerProblem:
    shown = conditions.as_scalar(encoding)
    message = f"the body is compressed ({shown}) although none was asked for, not judged"

    return AnswerProblem("unknown", shown, None, message)


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
