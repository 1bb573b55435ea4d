# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``redis``: does it answer PING, and are figures of INFO within their limits?

Besides the fields of INFO two figures that are made of them: ``keys`` of all databases, and
``hit_ratio``, the share of lookups in % that found their key since the previous run (without one,
since the server started).
"""

from __future__ import annotations

import math
import re
import time
import typing as t
from collections.abc import Iterator, Mapping

from ...base.deadline import Deadline
from ...base.options import option, requirements
from ...findings import Finding, Limits, Subject
from .. import counters
from ..check import Check, CheckError, Memory, ProbeError, milliseconds, remember
from ..clients.redis_protocol import Redis, RedisRefusal, explain, session
from ..clients.tcp import validate_host
from ..clients.tls import TLS_OPTIONS, tls_context
from ..kind import (
    NEVER,
    OTHERWISE,
    Kind,
    Row,
    host_and_port,
    limit_options,
    limit_words,
    tries,
)

#: Fewer lookups say nothing about a cache.
ENOUGH_LOOKUPS: t.Final = 100
_ADVICE: t.Final = "see what changed since it was better"
_DATABASE: t.Final = re.compile(r"(db\d+)")
_KEYS: t.Final = re.compile(r"keys=(\d+),")
_LOOKUPS: t.Final = frozenset({"keyspace_hits", "keyspace_misses"})
_COMPUTED: t.Final = {
    "keys": "keys of all databases",
    "hit_ratio": "lookups that found their key, in %, since the previous run",
}


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield whether Redis answers, then one finding for each field of ``info``."""
    options = check.options
    started = time.monotonic()
    login = {key: options[key] for key in ("username", "password", "db")}
    context = tls_context(options) if options["tls"] else None

    with session(options["host"], options["port"], deadline, context=context, **login) as redis:
        answer = redis.ask("PING")
        took = milliseconds(started)
        if answer != "PONG":
            raise ProbeError("critical", "something answers there, but not as Redis does")

        message = f"Redis answers within {took:g} ms"
        yield check.finding("ok", message, observed="PONG", expected="PONG")
        fields = _info(redis) if options["info"] else {}

    yield from _figures(check, fields)


def _info(redis: Redis) -> dict[str, str] | str:
    """Return the fields of INFO, or why this user does not get them."""
    try:
        return parse_info(redis.ask("INFO") or "")
    except RedisRefusal as refusal:
        return explain(refusal)


def _figures(check: Check, fields: dict[str, str] | str) -> Iterator[Finding]:
    for entry in check.options["info"]:
        if isinstance(fields, str):
            subject = check.aspect_subject(entry)
            yield subject.finding("unknown", fields, aspect=entry["field"])
            continue

        if entry["field"] == "hit_ratio" and fields.keys() >= _LOOKUPS:
            finding, memory = _hit_ratio(check, entry, fields)
            yield remember(memory)
            yield finding
        else:
            yield judge_field(check.aspect_subject(entry), entry, fields)


def parse_info(text: str) -> dict[str, str]:
    """Return the fields of INFO; headings (``# Memory``) and blank lines are left out."""
    lines = (line.strip().partition(":") for line in text.splitlines())

    return {name: value for name, separator, value in lines if separator and name[:1] != "#"}


def judge_field(subject: Subject, entry: Mapping[str, t.Any], fields: Mapping[str, str]) -> Finding:
    """Return the finding for one field of INFO, or for the number of keys."""
    field = entry["field"]
    if field == "keys" and fields:
        counts = keys_by_database(fields)
        listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
        return _judged(subject, entry, sum(counts.values()), f" ({listed})" if listed else "")

    value = fields.get(field)
    if value is None:
        message = f"INFO of this Redis has no field {field}"
        return subject.finding("unknown", message, aspect=field)

    if entry["equals"] is not None:
        return _compared(subject, entry, value)

    number = _number(value)
    if number is None:
        message = f"{field} is {value}, which is not a number"
        return subject.finding("unknown", message, aspect=field, observed=value)

    return _judged(subject, entry, number)


def keys_by_database(fields: Mapping[str, str]) -> dict[str, int]:
    """Return how many keys each database has; INFO leaves out those without any."""
    found = {
        name: _KEYS.match(value) for name, value in fields.items() if _DATABASE.fullmatch(name)
    }

    return {name: int(keys[1]) for name, keys in found.items() if keys}


def describe(check: Check) -> Iterator[Row]:
    """Yield the check and each field of ``info`` in words."""
    asks = f"Redis at {host_and_port(check)} answers{tries(check)}"
    yield Row(check.id, asks, NEVER, OTHERWISE)

    for entry in check.options["info"]:
        field = entry["field"]
        asks = _COMPUTED.get(field) or f"`{field}` of INFO"
        words = limit_words(_limits(entry))
        if entry["equals"] is not None:
            asks, words = f"{asks} is `{entry['equals']}`", (NEVER, OTHERWISE)

        yield Row(f"{check.id}.{field}", asks, *words, tuple(entry["requirements"]))


def _hit_ratio(
    check: Check, entry: Mapping[str, t.Any], fields: Mapping[str, str]
) -> tuple[Finding, Memory]:
    """Return the finding and what the next run compares with."""
    subject = check.aspect_subject(entry)
    current = {name: int(fields[name]) for name in sorted(_LOOKUPS)}
    passed, memory = counters.compare(check, current)
    counts = passed.counts if passed else current
    hits, lookups = counts["keyspace_hits"], sum(counts.values())

    if lookups < ENOUGH_LOOKUPS:
        message = f"not enough lookups to judge ({lookups} of {ENOUGH_LOOKUPS})"
        return subject.finding("info", message, aspect="hit_ratio"), memory

    when = (
        f"over the last {passed.seconds / 60:.0f} minutes" if passed else "since the server start"
    )
    more = f" % ({hits} of {lookups} lookups found their key {when})"

    return _judged(subject, entry, round(100 * hits / lookups, 1), more, "%"), memory


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None

    return number if math.isfinite(number) else None


def _compared(subject: Subject, entry: Mapping[str, t.Any], value: str) -> Finding:
    field, expected = entry["field"], entry["equals"]
    status = "ok" if value == expected else "critical"
    message = f"{field} is {value}, expected {expected}"

    return subject.finding(status, message, aspect=field, observed=value, expected=expected)


def _judged(
    subject: Subject, entry: Mapping[str, t.Any], number: float, more: str = "", unit: str = ""
) -> Finding:
    limits = _limits(entry)
    limit = f", limit {limits.text}" if limits.text else ""
    message = f"{entry['field']} is {number:.15g}{more}{limit}"

    return subject.measured(number, limits, message, _ADVICE, aspect=entry["field"], unit=unit)


def _limits(entry: Mapping[str, t.Any]) -> Limits:
    return Limits.of(entry, side=entry["worse"])


def _remembers(check: Check) -> bool:
    return any(entry["field"] == "hit_ratio" for entry in check.options["info"])


def _names(check: Check) -> tuple[str, ...]:
    return tuple(f"{check.id}.{entry['field']}" for entry in check.options["info"])


def _validate(check: Check) -> None:
    for entry in check.options["info"]:
        if entry["equals"] is not None and _limits(entry).numbers:
            raise CheckError(f"info '{entry['field']}' has both limits and equals; use one")

        check.aspect_subject(entry).finding("ok", "the requirement ids fit the schema")

    validate_host(check.options["host"])
    if check.options["ca_file"] and not check.options["tls"]:
        raise CheckError("ca_file needs tls: true")
    if check.options["username"] and not check.options["password"]:
        raise CheckError("username needs a password")


KIND = Kind(
    description="PING, fields of INFO, keys, hit ratio",
    gives="`redis:NAME`, `.FIELD`",
    options={
        "host": option("str", "Name or address of the server.", default="127.0.0.1"),
        "port": option("int", "Port of the server.", default=6379, minimum=1, maximum=65535),
        "db": option("int", "Number of the database.", default=0, minimum=0),
        "username": option("str", "User of Redis' access control list."),
        "password": option("str", "Password. Never shown.", secret=True),
        "tls": option("bool", "Connect with TLS.", default=False),
        **TLS_OPTIONS,
        "info": option(
            "list",
            "Figures to report or judge; each adds C(redis:name.FIELD).",
            elements="dict",
            default=[],
            options={
                "field": option(
                    "str",
                    [
                        "Name of a field of INFO, as in C(used_memory).",
                        "C(keys) is the number of keys in all databases, C(hit_ratio) the share of"
                        " lookups in % that found their key since the previous run.",
                    ],
                    required=True,
                ),
                **limit_options("this", side="Beyond"),
                "worse": option(
                    "str",
                    "On which side of the limits it is bad.",
                    choices=["above", "below"],
                    default="above",
                ),
                "equals": option("str", "The field must be this, else C(critical)."),
                "requirements": requirements(),
            },
        ),
    },
    probe=probe,
    describe=describe,
    holds_change=True,
    network=True,
    place=host_and_port,
    names=_names,
    validate=_validate,
    remembers=_remembers,
)
