# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``metrics``: how many requests a service had since the look before, how long they took, how many failed.

Read from the service's own counters (Prometheus), so that real visitors are counted and not our own
samples.
"""

from __future__ import annotations

import re
import ssl
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from ...findings import Finding
from .. import conditions
from .. import counters as since
from ..check import LIMITS, Check, CheckError, Deadline, Kind, Memory, ProbeError, always, remember
from ..clients.http import Request, fetch, shown
from ..clients.prometheus_text import Exposition, Histogram, histogram, parse
from .http import MARK

ASPECTS: t.Final = ("rate", "response_time", "errors")
#: Our own requests are not counted, so that a short time is no false picture, s.
SHORTEST: t.Final = 10.0
_LARGEST: t.Final = 4 * 2**20
_BOUND: t.Final = "at most "


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield whether the counters can be read, then the aspects that were asked for."""
    said = _read(check, deadline)
    counters = _counters(check, said)
    where = shown(check.options["url"])
    yield check.finding(
        "ok",
        f"{where} gives {len(said.samples)} figures",
        observed=len(said.samples),
        unit="figures",
    )
    passed, memory = since.compare(_completed(check, counters), counters, SHORTEST)
    yield remember(memory)

    for aspect in _asked(check):
        own = _own(check, aspect)
        if passed is None:
            yield own.finding(
                "info", f"{since.too_early('this', SHORTEST)}, or the service has", aspect=aspect
            )
        else:
            yield _JUDGES[aspect](own, passed)


def _read(check: Check, deadline: Deadline) -> Exposition:
    """Return what the service says.

    Raises ProbeError when that are no metrics or not the wanted ones.
    """
    url = check.options["url"]
    context = ssl.create_default_context() if url.startswith("https:") else None
    headers = {**MARK, "Accept": "text/plain", "Connection": "close"}
    answer = fetch(Request(url, "GET", headers, _LARGEST, False, context), deadline)
    if answer.status != 200:
        raise ProbeError(
            "critical", f"{shown(url)} answered {answer.status} instead of 200", answer.status
        )

    if answer.truncated:
        raise ProbeError(
            "unknown",
            f"{shown(url)} says more than {_LARGEST >> 20} MiB, which is not read to its end",
        )

    said = parse(answer.body.decode("utf-8", "replace"))

    for option in ("requests", "durations"):
        name = check.options[option]
        # Without its first request a counter with labels is only announced; some libraries do so
        # without _total.
        if not {name, name.removesuffix("_total")} & {
            *said.types,
            *(sample.name for sample in said.samples),
        }:
            raise ProbeError(
                "unknown", f"{shown(url)} gives no {name}; see what the service calls it"
            )

    return said


def _counters(check: Check, said: Exposition) -> dict[str, int]:
    """Return all that only grows: requests, failed ones, microseconds, and one count for each bound of the times."""
    requests = said.of(check.options["requests"])
    failed = re.compile(check.options["failed"])
    label = check.options["status_label"]
    times = histogram(said, check.options["durations"])

    return {
        "requests": int(sum(sample.value for sample in requests)),
        "failed": int(
            sum(
                sample.value
                for sample in requests
                if failed.fullmatch(sample.labels.get(label, ""))
            )
        ),
        "microseconds": int(times.seconds * 1e6),
        **{f"{_BOUND}{bound}": int(count) for bound, count in times.buckets.items()},
    }


def _completed(check: Check, counters: Mapping[str, int]) -> Check:
    """Return the check with zero for counters that the look before did not know: nobody had asked yet."""
    before = check.before
    if before is None or not isinstance(before.get("counters"), Mapping):
        return check

    known: Memory = {**before, "counters": {**dict.fromkeys(counters, 0), **before["counters"]}}

    return replace(check, before=known)


def _rate(check: Check, passed: since.Span) -> Finding:
    requests, minutes = passed.counts["requests"], passed.seconds / 60
    message = f"{requests} requests in {_length(passed)}"
    return check.measured(
        round(requests / minutes, 2),
        check.options["rate"],
        message,
        "see who asks, and whether it can be borne",
        aspect="rate",
        unit="requests/min",
    )


def _response_time(check: Check, passed: since.Span) -> Finding:
    buckets = {
        float(name.removeprefix(_BOUND)): float(count)
        for name, count in passed.counts.items()
        if name.startswith(_BOUND)
    }
    times = Histogram(buckets, passed.counts["microseconds"] / 1e6)
    if few := _too_few(check, "response_time", times.number, passed):
        return few

    limits = {level: check.options["response_time"][f"{level}_ms"] for level in LIMITS}
    judged = (times.percentile(0.95) or 0.0) * 1000
    average, beyond = times.seconds / times.number * 1000, times.beyond(0.95)
    more = ", or more" if beyond else ""
    message = f"{times.number:.0f} requests: average {average:.1f} ms, 95th percentile {judged:.1f} ms{more}"
    if beyond and any(limit is not None and limit >= judged for limit in limits.values()):
        message += ": the service counts no longer times, so the limit cannot be held against it; give it larger buckets"
        return check.finding(
            "unknown", message, aspect="response_time", observed=round(judged, 1), unit="ms"
        )

    advice = "see what the service waits for"

    return check.measured(
        round(judged, 1), limits, message, advice, aspect="response_time", unit="ms"
    )


def _errors(check: Check, passed: since.Span) -> Finding:
    requests, failed = passed.counts["requests"], passed.counts["failed"]
    if few := _too_few(check, "errors", requests, passed):
        return few

    message = f"{failed} of {requests} requests failed in {_length(passed)}"
    share = round(100 * failed / requests, 2)
    advice = "read the errors in its log, newest first"

    return check.measured(
        share, check.options["errors"], message, advice, aspect="errors", unit="%"
    )


def _length(passed: since.Span) -> str:
    return (
        f"{passed.seconds / 60:.0f} minutes" if passed.seconds >= 120 else f"{passed.seconds:.0f} s"
    )


def _too_few(check: Check, aspect: str, requests: float, passed: since.Span) -> Finding | None:
    least = check.options["least_requests"]
    if requests >= least:
        return None
    message = f"{requests:.0f} requests in {_length(passed)}: too few to judge (at least {least})"
    return check.finding("info", message, aspect=aspect)


_JUDGES: t.Final = {"rate": _rate, "response_time": _response_time, "errors": _errors}


def _asked(check: Check) -> list[str]:
    return [aspect for aspect in ASPECTS if check.options[aspect] is not None]


def _own(check: Check, aspect: str) -> Check:
    """Return the check with the requirements of one of its aspects."""
    return replace(
        check, requirements=tuple(check.options[aspect]["requirements"]) or check.requirements
    )


def _names(check: Check) -> tuple[str, ...]:
    return tuple(f"{check.id}.{aspect}" for aspect in _asked(check))


def _place(check: Check) -> str:
    return shown(check.options["url"])


def _validate(check: Check) -> None:
    options = check.options
    parts = urlsplit(options["url"])
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise CheckError(
            "url must start with http:// or https://, name a host, and hold no user or password"
        )
    if parts.port == 0:
        raise CheckError("url must not name port 0")
    if not _asked(check):
        raise CheckError(f"ask for at least one of {', '.join(ASPECTS)}")
    if options["least_requests"] < 1:
        raise CheckError("least_requests must be at least 1")

    conditions.validate_pattern(options["failed"])
    for aspect in _asked(check):
        _own(check, aspect).finding("ok", "its requirement ids fit the schema")


_IDS: t.Final = {"type": "list", "elements": "str", "default": []}
KIND = Kind(
    options={
        "url": {"type": "str", "required": True},
        "requests": {"type": "str", "default": "http_requests_total"},
        "durations": {"type": "str", "default": "http_request_duration_seconds"},
        "status_label": {"type": "str", "default": "status_code"},
        "failed": {"type": "str", "default": "5[0-9][0-9]"},
        "least_requests": {"type": "int", "default": 20},
        "rate": {"type": "dict", "options": {**LIMITS, "requirements": _IDS}},
        "response_time": {
            "type": "dict",
            "options": {
                "warning_ms": {"type": "float"},
                "critical_ms": {"type": "float"},
                "requirements": _IDS,
            },
        },
        "errors": {"type": "dict", "options": {**LIMITS, "requirements": _IDS}},
    },
    probe=probe,
    network=True,
    place=_place,
    names=_names,
    validate=_validate,
    remembers=always,
)
