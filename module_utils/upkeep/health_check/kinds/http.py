# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``http``: is the answer what a healthy service would say, soon enough, over a valid certificate?"""

from __future__ import annotations

import ssl
import time
import typing as t
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from ...findings import Finding, worst
from .. import conditions, latency
from ..check import Check, CheckError, Deadline, Kind, ProbeError
from ..clients import upload
from ..clients.http import PHASES, Answer, Request, fetch, shown
from ..http_answers import Problem, problems

#: Services leave requests with this mark out of their own figures: we do not measure ourselves.
MARK: t.Final = {"X-Upkeep-Probe": "1", "User-Agent": "upkeep"}

#: An answer of so many bytes is understood within some hundredths of a second.
_SMALL: t.Final = 2**20


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the verdict on the answers, then the aspects that were asked for."""
    answers, timed_out = _ask(check, deadline)
    # Every sample must be right: a figure over quick error pages would praise a broken service.
    per_answer = [problems(check.options, answer) for answer in answers]
    found = next((list_ for list_ in per_answer if list_), [])
    if timed_out and not found:
        found = [_silence(check, len(answers), timed_out)]

    yield _verdict(check, answers[-1], found)
    if not any(per_answer):
        yield from _times(check, answers, timed_out)

    if check.options["tls_expiry"]:
        yield _expiry(check, answers[-1].not_after, time.time())


def _ask(check: Check, deadline: Deadline) -> tuple[list[Answer], int]:
    """Return the answers and how many samples timed out.

    Raises what fetch() does when there is no answer at all.
    """
    request, limits = _request(check), check.options["latency"]
    answers: list[Answer] = []
    timed_out = 0

    for _ in range(limits["samples"] if limits else 1):
        own = limits["timeout_ms"] / 1000 if limits and limits["timeout_ms"] else check.timeout
        try:
            answers.append(fetch(request, deadline.part(own)))
        except TimeoutError:
            timed_out += 1
            if deadline.is_over():
                break

    if not answers:
        raise TimeoutError

    return answers, timed_out


def _silence(check: Check, answered: int, timed_out: int) -> Problem:
    message = f"{timed_out} of {answered + timed_out} requests were not answered in time"
    return Problem("critical", f"{timed_out} timed out", "every request is answered", message)


def _times(check: Check, answers: list[Answer], timed_out: int) -> Iterator[Finding]:
    limits = check.options["latency"]
    if limits:
        # A request that got no answer took at least as long as it was given.
        lost = [limits["timeout_ms"] or check.timeout * 1000] * timed_out
        yield latency.judge_latency(
            check, [answer.ms for answer in answers] + lost, timed_out, _where(answers)
        )

    if upload.names(check):
        yield upload.judge_row(check, latency.percentile([answer.ms for answer in answers], 50))


def _where(answers: list[Answer]) -> str:
    """Return where the time of the slowest answer went."""
    slowest = max(answers, key=lambda answer: answer.ms)
    parts = [f"{phase} {slowest.phases[phase]:g}" for phase in PHASES if phase in slowest.phases]
    return f"; the slowest answer: {', '.join(parts)} ms"


def _verdict(check: Check, answer: Answer, found: list[Problem]) -> Finding:
    where = shown(check.options["url"])
    if not found:
        expected = " or ".join(map(str, check.options["expect_status"]))
        return check.finding(
            "ok", f"{where} answers as it should", observed=answer.status, expected=expected
        )

    status = worst(problem.status for problem in found)
    first = next(problem for problem in found if problem.status == status)
    message = f"{where}: {'; '.join(problem.message for problem in found)}"

    return check.finding(status, message, observed=first.observed, expected=first.expected)


def _expiry(check: Check, not_after: str | None, now: float) -> Finding:
    if not_after is None:
        return check.finding(
            "unknown", "the answer came without TLS, no certificate was seen", aspect="tls_expiry"
        )

    limits = check.options["tls_expiry"]
    days = round((ssl.cert_time_to_seconds(not_after) - now) / 86400, 1)

    return check.measured(
        days,
        {"warning": limits["warning_days"], "critical": limits["critical_days"]},
        f"the certificate is valid for {days:g} more days",
        "renew it",
        aspect="tls_expiry",
        unit="days",
        worse="below",
    )


def _request(check: Check) -> Request:
    options = check.options
    headers = {**(options["headers"] or {}), **MARK, "Connection": "close"}
    body = None
    if options["upload"]:
        body, headers["Content-Type"] = upload.encode(options["upload"])

    return Request(
        url=options["url"],
        method=options["method"],
        headers=headers,
        body=body,
        max_body=options["max_body"],
        follow_redirects=options["follow_redirects"],
        context=_context(options["verify_tls"], options["ca_file"])
        if _may_need_tls(options)
        else None,
    )


def _may_need_tls(options: Mapping[str, t.Any]) -> bool:
    """Return whether authorities have to be read, which takes longer than a quick service needs to answer."""
    return options["follow_redirects"] or str(options["url"]).startswith("https:")


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
    return latency.names(check) + upload.names(check) + expiry


def _place(check: Check) -> str:
    return shown(check.options["url"])


def _waits(check: Check) -> bool:
    """Return whether nothing that the other side says can keep the interpreter busy for long."""
    patterns = check.options["body_regex"] or any(rule["matches"] for rule in check.options["json"])
    return not patterns and check.options["max_body"] <= _SMALL


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
    upload.validate(check)
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
        "max_body": {"type": "int", "default": _SMALL},
        "latency": {
            "type": "dict",
            "options": {**latency.OPTIONS, "timeout_ms": {"type": "float"}},
        },
        "upload": {"type": "dict", "options": upload.OPTIONS},
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
    waits=_waits,
)
