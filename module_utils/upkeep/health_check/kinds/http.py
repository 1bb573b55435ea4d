# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``http``: is the answer a healthy service's, soon enough, over a valid certificate?"""

from __future__ import annotations

import ssl
import time
import typing as t
from collections.abc import Iterator, Mapping, Sequence

from ...base.deadline import Deadline
from ...base.options import option
from ...base.text import percentile
from ...findings import Finding, Limits, worst
from .. import conditions, figures, latency, upload
from ..check import Check, CheckError
from ..clients.http import (
    MARK,
    PHASES,
    HttpAnswer,
    Request,
    after_redirect,
    fetch,
    needs_tls,
    public_url,
    secret_headers,
    validate_headers,
    validate_url,
)
from ..clients.tls import TLS_OPTIONS, tls_context
from ..http_answers import AnswerProblem, document, problems
from ..kind import NEVER, OTHERWISE, Kind, Row, limit_words, tries

#: An answer of so many bytes is understood within some hundredths of a second.
_SMALL: t.Final = 2**20


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the verdict on the answers, then their aspects."""
    answers, timed_out = _answers(check, deadline)
    # Every sample must be right: a figure over quick error pages would praise a broken service.
    per_answer = [problems(check.options, answer) for answer in answers]
    found = next((list_ for list_ in per_answer if list_), [])
    if timed_out and not found:
        found = [_timed_out(len(answers), timed_out)]

    yield _verdict(check, answers[-1], found)
    if not any(per_answer):
        yield from _times(check, answers, timed_out)
        yield from _figures(check, answers[-1])

    if check.options["tls_expiry"]:
        yield _expiry(check, answers[-1].not_after, time.time())


def describe(check: Check) -> Iterator[Row]:
    """Yield the check and its aspects in words."""
    options = check.options
    rules = options["json"]
    mild = [
        f"unless `{rule['path']}` {conditions.describe(rule)}"
        for rule in rules
        if not conditions.is_critical(rule)
    ]
    yield Row(
        check.id, ", ".join(_asks(options)) + tries(check), ", ".join(mild) or NEVER, OTHERWISE
    )
    yield from upload.describe(check)

    if options["tls_expiry"]:
        words = limit_words(_expiry_limits(options["tls_expiry"]), " days")
        yield Row(f"{check.id}.tls_expiry", "days that the certificate is still valid", *words)

    yield from latency.describe(check)
    for entry in options["figures"]:
        of = f" of `{entry['of']}`" if entry["of"] else ""
        yield figures.describe(check, entry, f"`{entry['path']}`{of}", is_share=bool(of))


def _asks(options: Mapping[str, t.Any]) -> Iterator[str]:
    codes = " or ".join(str(code) for code in options["expect_status"])
    method = "" if options["method"] == "GET" else f" to {options['method']}"
    yield f"`{options['url']}` answers {codes}{method}"

    if options["upload"]:
        path, rows = options["upload"]["path"], options["upload"]["rows"]
        yield f"it takes {f'`{path}`' if path else 'a sample'}{f' ({rows} rows)' if rows else ''}"

    for rule in options["json"]:
        if conditions.is_critical(rule):
            yield f"`{rule['path']}` {conditions.describe(rule)}"

    if options["body_regex"]:
        yield f"the body matches `{options['body_regex']}`"

    for name in options["headers_present"]:
        yield f"the header `{name}` is there"


def _answers(check: Check, deadline: Deadline) -> tuple[list[HttpAnswer], int]:
    """Return the answers and how many samples timed out.

    Raises what fetch() does when there is no answer at all.
    """
    request, entry = _request(check), check.options["latency"]
    own = entry["timeout_ms"] / 1000 if entry and entry["timeout_ms"] else check.timeout
    answers: list[HttpAnswer] = []
    timed_out, late = 0, TimeoutError()

    for _ in range(entry["samples"] if entry else 1):
        try:
            answers.append(fetch(request, deadline.part(own)))
        except TimeoutError as error:
            timed_out, late = timed_out + 1, error
            if deadline.is_over():
                break

    if not answers:
        raise late

    return answers, timed_out


def _timed_out(answered: int, timed_out: int) -> AnswerProblem:
    message = f"{timed_out} of {answered + timed_out} requests were not answered in time"

    return AnswerProblem("critical", f"{timed_out} timed out", "every request is answered", message)


def _times(check: Check, answers: Sequence[HttpAnswer], timed_out: int) -> Iterator[Finding]:
    entry = check.options["latency"]
    times = [answer.ms for answer in answers]
    if entry:
        # A request without an answer took at least as long as it was given.
        lost = [entry["timeout_ms"] or check.timeout * 1000] * timed_out
        yield latency.judge_latency(check, times + lost, timed_out, _phases(answers))

    if upload.names(check):
        yield upload.judge_row(check, percentile(times, 50))


def _figures(check: Check, answer: HttpAnswer) -> Iterator[Finding]:
    """Yield the figures of the answer's body."""
    if not check.options["figures"]:
        return

    content = document(check.options, answer)
    for entry in check.options["figures"]:
        value = conditions.lookup(content, entry["path"])
        whole = conditions.lookup(content, entry["of"]) if entry["of"] else None
        yield figures.judge(check, entry, value, whole)


def _phases(answers: Sequence[HttpAnswer]) -> str:
    """Return where the time of the slowest answer went."""
    slowest = max(answers, key=lambda answer: answer.ms)
    parts = [f"{phase} {slowest.phases[phase]:g}" for phase in PHASES if phase in slowest.phases]

    return f"; the slowest answer: {', '.join(parts)} ms"


def _verdict(check: Check, answer: HttpAnswer, found: Sequence[AnswerProblem]) -> Finding:
    place = _place(check)
    if not found:
        expected = " or ".join(map(str, check.options["expect_status"]))
        message = f"{place} answers as expected"
        return check.finding("ok", message, observed=answer.status, expected=expected)

    status = worst(problem.status for problem in found)
    first = next(problem for problem in found if problem.status == status)
    message = f"{place}: {'; '.join(problem.message for problem in found)}"
    if public_url(answer.url) != public_url(check.options["url"]):
        message = f"{message} ({after_redirect(answer.url)})"

    return check.finding(status, message, observed=first.observed, expected=first.expected)


def _expiry(check: Check, not_after: str | None, now: float) -> Finding:
    if not_after is None:
        message = "the answer came without TLS, so there is no certificate to judge"
        return check.finding("unknown", message, aspect="tls_expiry")

    days = round((ssl.cert_time_to_seconds(not_after) - now) / 86400, 1)

    return check.measured(
        days,
        _expiry_limits(check.options["tls_expiry"]),
        f"the certificate is valid for {days:g} more days",
        "renew it",
        aspect="tls_expiry",
        unit="days",
    )


def _expiry_limits(entry: Mapping[str, t.Any]) -> Limits:
    return Limits(entry["warning_days"], entry["critical_days"], side="below")


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
        context=tls_context(options) if _may_need_tls(options) else None,
    )


def _may_need_tls(options: Mapping[str, t.Any]) -> bool:
    """Return whether authorities have to be read, which takes longer than a quick answer."""
    return options["follow_redirects"] or needs_tls(options["url"])


def _names(check: Check) -> tuple[str, ...]:
    expiry = (f"{check.id}.tls_expiry",) if check.options["tls_expiry"] else ()

    return latency.names(check) + upload.names(check) + figures.names(check, "figures") + expiry


def _place(check: Check) -> str:
    return public_url(check.options["url"])


def _only_waits(check: Check) -> bool:
    """Return whether nothing in an answer can keep the interpreter busy for long."""
    patterns = check.options["body_regex"] or any(rule["matches"] for rule in check.options["json"])

    other_user = upload.run_as(check) is not None

    return not (patterns or other_user) and check.options["max_body"] <= _SMALL


def _validate(check: Check) -> None:
    options = check.options
    validate_url(options["url"])
    if options["tls_expiry"] and not (needs_tls(options["url"]) and options["verify_tls"]):
        raise CheckError("tls_expiry needs an https url and verify_tls: true")

    validate_headers(options["headers"] or {})
    latency.validate(check)
    upload.validate(check)
    figures.validate(check, "figures", ("latency", "per_row", "tls_expiry"))
    conditions.validate_pattern(options["body_regex"])
    for rule in options["json"]:
        conditions.validate(rule)


def _secret_values(values: Mapping[str, t.Any]) -> set[str]:
    return secret_headers(values.get("headers"))


KIND = Kind(
    description="status, headers, body, values of a JSON body; also the answer to an uploaded file",
    gives="`http:NAME`, `.latency`, `.per_row`, `.tls_expiry`, `.FIGURE`",
    options={
        "url": option("str", "What to request; without user and password.", required=True),
        "method": option(
            "str",
            "Method of the request.",
            choices=["GET", "HEAD", "POST", "OPTIONS"],
            default="GET",
        ),
        "headers": option(
            "dict",
            [
                "Headers to send besides C(X-Upkeep-Probe) and C(User-Agent), which mark a probe.",
                "Values of headers are never shown whose name has auth, cookie, key, token, secret,"
                " session, passw or credent in it.",
                "A redirect to another server is followed without any of them but C(Accept).",
            ],
        ),
        "expect_status": option(
            "list", "Status codes that are right.", elements="int", default=[200]
        ),
        "body_regex": option("str", "Regular expression that must be found in the body."),
        "json": option(
            "list",
            "Conditions on values of a JSON body; all must hold.",
            elements="dict",
            default=[],
            options={
                "path": option(
                    "str",
                    r"Where the value is, as in C(services.database) or C(items.0.id); C(\.) is a"
                    " dot within a key.",
                    required=True,
                ),
                **conditions.OPTIONS,
            },
        ),
        "figures": figures.figures_option(
            "figures",
            "Numbers of a JSON body to report, and to judge where they have limits.",
            path=option("str", "Where the number is, as in C(pool.in_use).", required=True),
            of=option(
                "str", "Where the number is that it is a share of; the figure is then in per cent."
            ),
        ),
        "headers_present": option(
            "list", "Headers that the answer must have.", elements="str", default=[]
        ),
        "follow_redirects": option(
            "bool",
            "Follow up to five redirects; otherwise one is judged by its status.",
            default=False,
        ),
        **TLS_OPTIONS,
        "max_body": option(
            "int",
            "How many bytes of the body are read at most.",
            default=_SMALL,
            minimum=1,
            maximum=64 * 2**20,
        ),
        "latency": latency.latency_option(
            timeout_ms=option(
                "float",
                "A sample that takes longer is given up, is C(critical), and counts with this"
                " time.",
                above=0,
            )
        ),
        "upload": option(
            "dict",
            "Send a file as a browser's form would; needs O(checks[].method=POST).",
            options=upload.OPTIONS,
        ),
        "tls_expiry": option(
            "dict",
            "Adds the finding C(http:name.tls_expiry) with the days left of the certificate.",
            options={
                "warning_days": option(
                    "float", "Fewer days than this are C(warning).", default=21.0
                ),
                "critical_days": option(
                    "float", "Fewer days than this are C(critical).", default=7.0
                ),
            },
        ),
    },
    probe=probe,
    describe=describe,
    holds_change=True,
    network=True,
    outside=True,
    place=_place,
    names=_names,
    validate=_validate,
    secret_values=_secret_values,
    run_as=upload.run_as,
    only_waits=_only_waits,
)
