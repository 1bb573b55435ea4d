# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``metrics``: requests of a service since the previous run, their times and failures.

Read from the service's own counters (Prometheus), so that real visitors are counted and not our own
samples.
"""

from __future__ import annotations

import math
import re
import ssl
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...base.deadline import Deadline
from ...base.options import Option, option, requirements
from ...findings import Finding, Limits
from .. import conditions, counters, figures
from ..check import Check, CheckError, Memory, ProbeError, remember
from ..clients.http import MARK, Request, fetch, needs_tls, public_url, validate_url
from ..clients.prometheus_text import Exposition, Histogram, histogram, parse
from ..http_answers import unpacked
from ..kind import NEVER, OTHERWISE, Kind, Row, always, limit_options, limit_words

ASPECTS: t.Final = ("rate", "response_time", "errors")
#: Our own requests are not counted, so that a short time gives no false picture, s.
SHORTEST: t.Final = 10.0
_LARGEST: t.Final = 4 * 2**20
_BOUND: t.Final = "at most "
#: All are kept for the next run; a service must not fill the state of other checks.
_MOST_BUCKETS: t.Final = 200
_STATUS: t.Final = re.compile(r"[1-5]\d\d", re.ASCII)


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield whether the counters can be read, then the aspects that have an entry."""
    metrics = _read(check, deadline)
    current = _counters(check, metrics)
    number = len(metrics.samples)
    message = f"{_place(check)} has {number} samples"
    yield check.finding("ok", message, observed=number, unit="samples")

    for entry in check.options["gauges"]:
        yield figures.judge(check, entry, _gauge(metrics, entry))

    passed, memory = counters.compare(_completed(check, current), current, SHORTEST)
    yield remember(memory)

    missing = {
        "response_time": _missing_times(check, current),
        "errors": _missing_statuses(check, metrics),
    }
    for aspect in _aspects(check):
        subject = check.aspect_subject(check.options[aspect])
        if missing.get(aspect):
            yield subject.finding("unknown", missing[aspect], aspect=aspect)
        elif passed is None:
            message = counters.no_baseline(aspect.replace("_", " "), SHORTEST)
            yield subject.finding("info", message, aspect=aspect)
        else:
            yield _JUDGES[aspect](check, passed)


def describe(check: Check) -> Iterator[Row]:
    """Yield the check and its aspects in words."""
    options = check.options
    asks = f"`{_place(check)}` has `{options['requests']}` and `{options['durations']}`"
    yield Row(check.id, asks, NEVER, OTHERWISE)

    enough = f"since the previous run, from {options['least_requests']} requests on"
    words = {
        "rate": ("requests/min since the previous run", ""),
        "response_time": (f"95th percentile of the response times {enough}", " ms"),
        "errors": (f"share of requests answered `{options['failed']}` {enough}", " %"),
    }
    for aspect in _aspects(check):
        asks, unit = words[aspect]
        ids = tuple(options[aspect]["requirements"])
        yield Row(f"{check.id}.{aspect}", asks, *limit_words(_limits(check, aspect), unit), ids)

    for entry in options["gauges"]:
        labels = ", ".join(f"{name} {value}" for name, value in (entry["labels"] or {}).items())
        yield figures.describe(check, entry, f"`{entry['metric']}`{labels and f' ({labels})'}")


def _gauge(metrics: Exposition, entry: Mapping[str, t.Any]) -> float | str:
    """Return the sum of the samples with these labels, the word ``missing`` without any."""
    wanted = {name: str(value) for name, value in (entry["labels"] or {}).items()}
    found = [
        sample.value
        for sample in metrics.of(entry["metric"])
        if all(sample.labels.get(name) == value for name, value in wanted.items())
    ]

    return sum(found) if found else "missing"


def _read(check: Check, deadline: Deadline) -> Exposition:
    """Return what the service exposes.

    Raises ProbeError when it has no metrics, or not those that are configured.
    """
    url = check.options["url"]
    context = ssl.create_default_context() if needs_tls(url) else None
    headers = {**MARK, "Accept": "text/plain", "Connection": "close"}
    answer = fetch(Request(url, "GET", headers, _LARGEST, False, context), deadline)
    place = _place(check)
    if answer.status != 200:
        message = f"{place} answered {answer.status} instead of 200"
        raise ProbeError("critical", message, answer.status)
    if answer.truncated:
        message = f"{place} is longer than {_LARGEST >> 20} MiB and is not read to its end"
        raise ProbeError("unknown", message)

    answer, codings = unpacked(answer, _LARGEST)
    if codings or answer.truncated:
        message = f"{place} is compressed although nobody asked for that, and cannot be read"
        raise ProbeError("unknown", message)

    metrics = parse(answer.body.decode("utf-8", "replace"))
    known = {*metrics.types, *(sample.name for sample in metrics.samples)}

    for key in ("requests", "durations") if _aspects(check) else ():
        name = check.options[key]
        # Without its first request a counter with labels is only announced; some libraries do so
        # without _total.
        if not {name, name.removesuffix("_total"), f"{name}_bucket"} & known:
            message = f"{place} has no {name}; see what the service calls it"
            raise ProbeError("unknown", message)

    return metrics


def _counters(check: Check, metrics: Exposition) -> dict[str, int]:
    """Return all that only grows: requests, failed ones, microseconds, one count a time bound."""
    requests = metrics.of(check.options["requests"])
    failed = re.compile(check.options["failed"])
    label = check.options["status_label"]
    times = histogram(metrics, check.options["durations"])
    if len(times.buckets) > _MOST_BUCKETS:
        message = f"{_place(check)} has more than {_MOST_BUCKETS} buckets of times"
        raise ProbeError("unknown", message)

    failures = [one for one in requests if failed.fullmatch(one.labels.get(label, ""))]

    return {
        "requests": int(sum(sample.value for sample in requests)),
        "failed": int(sum(sample.value for sample in failures)),
        "microseconds": int(times.seconds * 1e6),
        **{f"{_BOUND}{bound}": int(count) for bound, count in times.buckets.items()},
    }


def _missing_times(check: Check, current: Mapping[str, int]) -> str:
    """Return why the times cannot be judged, '' when they can."""
    bounds = [name for name in current if name.startswith(_BOUND)]
    if bounds and f"{_BOUND}{math.inf}" not in bounds:
        return f"{check.options['durations']} has neither a bucket +Inf nor a count"

    return ""


def _missing_statuses(check: Check, metrics: Exposition) -> str:
    """Return why failures cannot be distinguished from other requests, '' when they can."""
    requests = metrics.of(check.options["requests"])
    label, failed = check.options["status_label"], check.options["failed"]
    statuses = {sample.labels[label] for sample in requests if label in sample.labels}

    if requests and not statuses:
        return f"{check.options['requests']} has no label {label}; name the one with the status"

    odd = sorted(status for status in statuses if not _STATUS.fullmatch(status))
    if odd and not any(re.fullmatch(failed, status) for status in statuses):
        return f"{label} is {conditions.as_scalar(odd[0])!r}, which {failed} does not cover"

    return ""


def _completed(check: Check, current: Mapping[str, int]) -> Check:
    """Return the check with 0 for counters that the previous run did not know.

    They had no request yet.
    """
    previous = check.previous
    if previous is None or not isinstance(previous.get("counters"), Mapping):
        return check

    zeros = dict.fromkeys(current, 0)
    known: Memory = {**previous, "counters": {**zeros, **previous["counters"]}}

    return replace(check, previous=known)


def _rate(check: Check, passed: counters.Delta) -> Finding:
    requests, minutes = passed.counts["requests"], passed.seconds / 60

    return check.aspect_subject(check.options["rate"]).measured(
        round(requests / minutes, 2),
        _limits(check, "rate"),
        f"{requests} requests in {_length(passed)}",
        check.advice or "see who asks, and whether the service can carry it",
        aspect="rate",
        unit="requests/min",
    )


def _response_time(check: Check, passed: counters.Delta) -> Finding:
    buckets = {
        float(name.removeprefix(_BOUND)): float(count)
        for name, count in passed.counts.items()
        if name.startswith(_BOUND)
    }
    times = Histogram(buckets, passed.counts["microseconds"] / 1e6)
    if few := _too_few(check, "response_time", times.number):
        return few

    limits = _limits(check, "response_time")
    judged = round((times.percentile(0.95) or 0.0) * 1000, 1)
    average, beyond = times.seconds / times.number * 1000, times.beyond(0.95)
    message = (
        f"{times.number:.0f} requests: average {average:.1f} ms,"
        f" 95th percentile {judged:.1f} ms{', or more' if beyond else ''}"
    )
    subject = check.aspect_subject(check.options["response_time"])
    levels = (limits.warning, limits.critical)
    if beyond and any(level is not None and level >= judged for level in levels):
        message += ": the limit is above the service's largest bucket; give it larger ones"
        return subject.finding(
            "unknown", message, aspect="response_time", observed=judged, unit="ms"
        )

    advice = check.advice or "see what the service waits for"

    return subject.measured(judged, limits, message, advice, aspect="response_time", unit="ms")


def _errors(check: Check, passed: counters.Delta) -> Finding:
    requests, failed = passed.counts["requests"], passed.counts["failed"]
    if few := _too_few(check, "errors", requests):
        return few

    return check.aspect_subject(check.options["errors"]).measured(
        round(100 * failed / requests, 2),
        _limits(check, "errors"),
        f"{failed} of {requests} requests failed in {_length(passed)}",
        check.advice or "read the errors in its log, newest first",
        aspect="errors",
        unit="%",
    )


def _length(passed: counters.Delta) -> str:
    if passed.seconds < 120:
        return f"{passed.seconds:.0f} s"

    return f"{passed.seconds / 60:.0f} minutes"


def _too_few(check: Check, aspect: str, requests: float) -> Finding | None:
    least = check.options["least_requests"]
    if requests >= least:
        return None

    message = f"not enough requests to judge ({requests:.0f} of {least})"

    return check.aspect_subject(check.options[aspect]).finding("info", message, aspect=aspect)


_JUDGES: t.Final = {"rate": _rate, "response_time": _response_time, "errors": _errors}


def _limits(check: Check, aspect: str) -> Limits:
    entry = check.options[aspect]
    if aspect == "response_time":
        return Limits(entry["warning_ms"], entry["critical_ms"])

    return Limits.of(entry)


def _aspects(check: Check) -> list[str]:
    return [aspect for aspect in ASPECTS if check.options[aspect] is not None]


def _names(check: Check) -> tuple[str, ...]:
    aspects = tuple(f"{check.id}.{aspect}" for aspect in _aspects(check))

    return aspects + figures.names(check, "gauges")


def _place(check: Check) -> str:
    return public_url(check.options["url"])


def _validate(check: Check) -> None:
    validate_url(check.options["url"])
    if not _aspects(check) and not check.options["gauges"]:
        raise CheckError(f"name at least one of {', '.join(ASPECTS)}, gauges")

    figures.validate(check, "gauges", ASPECTS)

    conditions.validate_pattern(check.options["failed"])
    for aspect in _aspects(check):
        subject = check.aspect_subject(check.options[aspect])
        subject.finding("ok", "the requirement ids fit the schema")


def _aspect(description: str, limits: Mapping[str, Option]) -> Option:
    return option("dict", description, options={**limits, "requirements": requirements()})


KIND = Kind(
    description="requests, their times and failures since the previous run, by its own counters",
    gives="`metrics:NAME`, `.rate`, `.response_time`, `.errors`, `.GAUGE`",
    options={
        "url": option("str", "What to read; without user and password.", required=True),
        "requests": option("str", "The counter of requests.", default="http_requests_total"),
        "durations": option(
            "str",
            "The histogram of their times, in seconds.",
            default="http_request_duration_seconds",
        ),
        "status_label": option(
            "str", "The label of the counter that holds the status.", default="status_code"
        ),
        "failed": option(
            "str",
            "Regular expression that the status of a failed request fits.",
            default="5[0-9][0-9]",
        ),
        "least_requests": option(
            "int",
            "With fewer requests since the previous run, times and failures are C(info).",
            default=20,
            minimum=1,
        ),
        "rate": _aspect(
            "Adds C(metrics:name.rate), the requests per minute since the previous run.",
            limit_options("requests per minute"),
        ),
        "response_time": _aspect(
            "Adds C(metrics:name.response_time), the 95th percentile since the previous run,"
            " interpolated within its bucket.",
            {
                "warning_ms": option("float", "Slower is C(warning)."),
                "critical_ms": option("float", "Slower is C(critical)."),
            },
        ),
        "errors": _aspect(
            "Adds C(metrics:name.errors), the share of failed requests since the previous run.",
            limit_options("percent of the requests"),
        ),
        "gauges": figures.figures_option(
            "gauges",
            "Other numbers of the service to report, and to judge where they have limits.",
            metric=option("str", "The name of the metric.", required=True),
            labels=option("dict", "Labels that its samples must have; these are added up."),
        ),
    },
    probe=probe,
    describe=describe,
    network=True,
    place=_place,
    names=_names,
    validate=_validate,
    remembers=always,
)
