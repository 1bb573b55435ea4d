# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``redis``: does it answer PING, and are figures of INFO within their limits?

Besides the fields of INFO two figures that are made of them: ``keys`` of all databases, and
``hit_ratio``, the share of lookups in % that found their key since the look before (without one,
since the server started).
"""

from __future__ import annotations

import re
import time
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...findings import Finding
from .. import counters as since
from ..check import (
    LIMITS,
    Check,
    CheckError,
    Deadline,
    Kind,
    ProbeError,
    host_and_port,
    limits_text,
    milliseconds,
    remember,
)
from ..clients.redis_protocol import session

#: Fewer lookups say nothing about a cache.
ENOUGH_LOOKUPS: t.Final = 100
_DATABASE: t.Final = re.compile(r"(db\d+)")
_KEYS: t.Final = re.compile(r"keys=(\d+),")
_LOOKUPS: t.Final = frozenset({"keyspace_hits", "keyspace_misses"})


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield whether Redis answers, then one finding for each limited field."""
    options = check.options
    started = time.monotonic()
    login = {key: options[key] for key in ("username", "password", "db")}

    with session(options["host"], options["port"], deadline, **login) as redis:
        answer = redis.ask("PING")
        took = milliseconds(started)
        fields = parse_info(redis.ask("INFO") or "") if options["info"] else {}

    if answer != "PONG":
        raise ProbeError("critical", "something answers there, but not as Redis does")

    yield check.finding("ok", f"Redis answers within {took:g} ms", observed="PONG", expected="PONG")

    for limit in options["info"]:
        if limit["field"] == "hit_ratio" and fields.keys() >= _LOOKUPS:
            yield from _hit_ratio(_own(check, limit), limit, fields)
        else:
            yield judge_field(_own(check, limit), limit, fields)


def parse_info(text: str) -> dict[str, str]:
    """Return the fields of INFO; headings (``# Memory``) and blank lines are left out."""
    lines = (line.strip() for line in text.splitlines())
    return {
        name: value
        for name, separator, value in (line.partition(":") for line in lines)
        if separator and name[0] != "#"
    }


def judge_field(check: Check, limit: Mapping[str, t.Any], fields: Mapping[str, str]) -> Finding:
    """Return the finding for one field of INFO, or for the number of keys."""
    field = limit["field"]
    if field == "keys" and fields:
        counts = keys_by_database(fields)
        listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
        return _judged(check, limit, sum(counts.values()), f" ({listed})" if listed else "")

    value = fields.get(field)
    if value is None:
        return check.finding("unknown", f"INFO of this Redis has no field {field}", aspect=field)

    if limit["equals"] is not None:
        wanted = limit["equals"]
        status = "ok" if value == wanted else "critical"
        return check.finding(
            status,
            f"{field} is {value}, expected {wanted}",
            aspect=field,
            observed=value,
            expected=wanted,
        )

    try:
        number = float(value)
    except ValueError:
        return check.finding(
            "unknown", f"{field} is {value}, which is no number", aspect=field, observed=value
        )

    return _judged(check, limit, number)


def keys_by_database(fields: Mapping[str, str]) -> dict[str, int]:
    """Return how many keys each database has; INFO leaves out those without any."""
    found = {
        name: _KEYS.match(value) for name, value in fields.items() if _DATABASE.fullmatch(name)
    }
    return {name: int(keys[1]) for name, keys in found.items() if keys}


def _hit_ratio(
    check: Check, limit: Mapping[str, t.Any], fields: Mapping[str, str]
) -> Iterator[Finding]:
    counters = {name: int(fields[name]) for name in sorted(_LOOKUPS)}
    passed, memory = since.compare(check, counters)
    yield remember(memory)
    counts = passed.counts if passed else counters
    when = (
        f"in the last {passed.seconds / 60:.0f} minutes" if passed else "since the server started"
    )
    hits, lookups = counts["keyspace_hits"], sum(counts.values())
    found = f"{hits} of {lookups} lookups found their key {when}"
    if lookups < ENOUGH_LOOKUPS:
        message = f"{found}: too few to judge (at least {ENOUGH_LOOKUPS})"
        yield check.finding("info", message, aspect="hit_ratio")
        return

    yield _judged(check, limit, round(100 * hits / lookups, 1), f" % ({found})", "%")


def _judged(
    check: Check, limit: Mapping[str, t.Any], number: float, more: str = "", unit: str = ""
) -> Finding:
    expected = limits_text(limit["warning"], limit["critical"], limit["worse"])
    message = f"{limit['field']} is {number:.15g}{more}{f', limit {expected}' if expected else ''}"
    advice = "see what changed since it was better"

    return check.measured(
        number, limit, message, advice, aspect=limit["field"], unit=unit, worse=limit["worse"]
    )


def _own(check: Check, limit: Mapping[str, t.Any]) -> Check:
    """Return the check with the requirements of one of its figures."""
    return replace(check, requirements=tuple(limit["requirements"]) or check.requirements)


def _remembers(check: Check) -> bool:
    return any(limit["field"] == "hit_ratio" for limit in check.options["info"])


def _names(check: Check) -> tuple[str, ...]:
    return tuple(f"{check.id}.{limit['field']}" for limit in check.options["info"])


def _validate(check: Check) -> None:
    for limit in check.options["info"]:
        if limit["equals"] is not None and (
            limit["warning"] is not None or limit["critical"] is not None
        ):
            raise CheckError(f"{limit['field']} has limits and equals; one of them is meant")
        _own(check, limit).finding("ok", "its requirement ids fit the schema")

    if check.options["username"] and not check.options["password"]:
        raise CheckError("username needs a password")


KIND = Kind(
    options={
        "host": {"type": "str", "default": "127.0.0.1"},
        "port": {"type": "int", "default": 6379},
        "db": {"type": "int", "default": 0},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "info": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "field": {"type": "str", "required": True},
                **LIMITS,
                "worse": {"type": "str", "choices": ["above", "below"], "default": "above"},
                "equals": {"type": "str"},
                "requirements": {"type": "list", "elements": "str", "default": []},
            },
        },
    },
    probe=probe,
    network=True,
    place=host_and_port,
    secrets=("password",),
    names=_names,
    validate=_validate,
    remembers=_remembers,
)
