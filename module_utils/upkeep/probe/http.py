# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``http``: is the answer what a healthy service would say, soon enough, over a valid certificate?"""

from __future__ import annotations

import json
import re
import ssl
import time
import typing as t
from collections.abc import Iterator
from urllib.parse import urlsplit

from ..findings import Finding, judge, worst
from . import conditions, latency
from .http_client import Answer, Request, fetch, shown
from .model import Check, CheckError, Deadline, Kind, ProbeError

#: Services leave requests with this mark out of their own figures: we do not measure ourselves.
MARK: t.Final = {"X-Upkeep-Probe": "1", "User-Agent": "upkeep"}


class Problem(t.NamedTuple):
    """One thing that is wrong with an answer."""

    status: str
    observed: t.Any
    expected: t.Any
    message: str


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the verdict on the answer, then the aspects that were asked for."""
    request = _request(check)
    samples = check.options["latency"]["samples"] if check.options["latency"] else 1
    answers = [fetch(request, deadline) for _ in range(samples)]
    # Every sample must be right: a figure over quick error pages would praise a broken service.
    per_answer = [problems(check, answer) for answer in answers]
    found = next((list_ for list_ in per_answer if list_), [])
    yield _verdict(check, answers[-1], found)
    if check.options["latency"] and not found:
        yield latency.judge_latency(check, [answer.ms for answer in answers])
    if check.options["tls_expiry"]:
        yield _expiry(check, answers[-1].not_after, time.time())


def problems(check: Check, answer: Answer) -> list[Problem]:
    """Return what is wrong with the answer: nothing else is judged when the status is wrong."""
    options = check.options
    if answer.status not in options["expect_status"]:
        target = answer.headers.get("Location")
        where = f" (to {shown(target)})" if target else ""
        wanted = " or ".join(map(str, options["expect_status"]))
        return [Problem("critical", answer.status, wanted, f"answered {answer.status}{where} instead of {wanted}")]
    missing = [name for name in options["headers_present"] if name not in answer.headers]
    found = [Problem("critical", "missing", f"header {name}", f"the header {name} is missing") for name in missing]
    return found + _body_problems(options["body_regex"], answer) + _json_problems(options["json"], answer)


def _verdict(check: Check, answer: Answer, found: list[Problem]) -> Finding:
    where = shown(check.options["url"])
    if not found:
        expected = " or ".join(map(str, check.options["expect_status"]))
        return check.finding("ok", f"{where} answers as it should", observed=answer.status, expected=expected)
    status = worst(problem.status for problem in found)
    first = next(problem for problem in found if problem.status == status)
    message = f"{where}: {'; '.join(problem.message for problem in found)}"
    return check.finding(status, message, observed=first.observed, expected=first.expected)


def _body_problems(pattern: str | None, answer: Answer) -> list[Problem]:
    if pattern is None or re.search(pattern, answer.body.decode("utf-8", "replace")):
        return []
    if answer.truncated:
        return [_too_long(answer)]
    return [Problem("critical", "no match", f"matches {pattern}", f"the body does not match {pattern}")]


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
        "unknown", f"over {size} bytes", None, f"the body is longer than max_body ({size} bytes), not judged"
    )


def _expiry(check: Check, not_after: str | None, now: float) -> Finding:
    if not_after is None:
        return check.finding("unknown", "the answer came without TLS, no certificate was seen", aspect="tls_expiry")
    limits = check.options["tls_expiry"]
    days = round((ssl.cert_time_to_seconds(not_after) - now) / 86400, 1)
    status = judge(days, limits["warning_days"], limits["critical_days"], worse="below")
    message = f"the certificate is valid for {days:g} more days"
    return check.finding(
        status,
        message if status == "ok" else f"{message}: renew it",
        aspect="tls_expiry",
        observed=days,
        expected=f"at least {limits['warning_days']:g}",
        unit="days",
    )


def _request(check: Check) -> Request:
    options = check.options
    return Request(
        url=options["url"],
        method=options["method"],
        headers={**(options["headers"] or {}), **MARK, "Connection": "close"},
        max_body=options["max_body"],
        follow_redirects=options["follow_redirects"],
        context=_context(options["verify_tls"], options["ca_file"]),
    )


def _context(verify: bool, ca_file: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ProbeError("unknown", f"ca_file {ca_file} cannot be used: {error}") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _names(check: Check) -> tuple[str, ...]:
    expiry = (f"{check.id}.tls_expiry",) if check.options["tls_expiry"] else ()
    return latency.names(check) + expiry


def _place(check: Check) -> str:
    return shown(check.options["url"])


def _validate(check: Check) -> None:
    options = check.options
    parts = urlsplit(options["url"])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CheckError("url must start with http:// or https:// and name a host")
    if parts.username is not None:
        raise CheckError("url must not hold a user or password; use headers")
    if options["tls_expiry"] and not (parts.scheme == "https" and options["verify_tls"]):
        raise CheckError("tls_expiry needs an https url and verify_tls: true")
    if not 0 < options["max_body"] <= 64 * 2**20:
        raise CheckError("max_body must be between 1 byte and 64 MiB")
    if parts.port == 0:  # looking at the port raises ValueError when it is no number
        raise CheckError("url must not name port 0")
    latency.validate(check)
    conditions.validate_pattern(options["body_regex"])
    for rule in options["json"]:
        conditions.validate(rule)


KIND = Kind(
    options={
        "url": {"type": "str", "required": True},
        "method": {"type": "str", "default": "GET", "choices": ["GET", "HEAD", "POST", "OPTIONS"]},
        "headers": {"type": "dict"},
        "expect_status": {"type": "list", "elements": "int", "default": [200]},
        "body_regex": {"type": "str"},
        "json": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"path": {"type": "str", "required": True}, **conditions.OPTIONS},
        },
        "headers_present": {"type": "list", "elements": "str", "default": []},
        "follow_redirects": {"type": "bool", "default": False},
        "verify_tls": {"type": "bool", "default": True},
        "ca_file": {"type": "path"},
        "max_body": {"type": "int", "default": 2**20},
        "latency": {"type": "dict", "options": latency.OPTIONS},
        "tls_expiry": {
            "type": "dict",
            "options": {
                "warning_days": {"type": "float", "default": 21.0},
                "critical_days": {"type": "float", "default": 7.0},
            },
        },
    },
    probe=probe,
    network=True,
    place=_place,
    names=_names,
    validate=_validate,
)
