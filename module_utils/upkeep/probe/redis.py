# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``redis``: does it answer PING, and are figures of INFO within their limits?"""

from __future__ import annotations

import time
import typing as t
from collections.abc import Iterator, Mapping

from ..findings import Finding, judge
from .model import LIMITS, Check, CheckError, Deadline, Kind, ProbeError, host_and_port, limits_text, milliseconds
from .resp import session


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
        yield judge_field(check, limit, fields)


def parse_info(text: str) -> dict[str, str]:
    """Return the fields of INFO; headings (``# Memory``) and blank lines are left out."""
    lines = (line.strip() for line in text.splitlines())
    return {
        name: value
        for name, separator, value in (line.partition(":") for line in lines)
        if separator and name[0] != "#"
    }


def judge_field(check: Check, limit: Mapping[str, t.Any], fields: Mapping[str, str]) -> Finding:
    """Return the finding for one field of INFO."""
    field = limit["field"]
    value = fields.get(field)
    if value is None:
        return check.finding("unknown", f"INFO of this Redis has no field {field}", aspect=field)
    if limit["equals"] is not None:
        wanted = limit["equals"]
        status = "ok" if value == wanted else "critical"
        return check.finding(
            status, f"{field} is {value}, expected {wanted}", aspect=field, observed=value, expected=wanted
        )
    try:
        number = float(value)
    except ValueError:
        return check.finding("unknown", f"{field} is {value}, which is no number", aspect=field, observed=value)
    status = judge(number, limit["warning"], limit["critical"], worse=limit["worse"])
    expected = limits_text(limit["warning"], limit["critical"], limit["worse"])
    return check.finding(
        status, f"{field} is {number:g}, limit {expected}", aspect=field, observed=number, expected=expected
    )


def _names(check: Check) -> tuple[str, ...]:
    return tuple(f"{check.id}.{limit['field']}" for limit in check.options["info"])


def _validate(check: Check) -> None:
    for limit in check.options["info"]:
        if limit["equals"] is None and limit["warning"] is None and limit["critical"] is None:
            raise CheckError(f"the limit on {limit['field']} needs warning, critical or equals")
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
            },
        },
    },
    probe=probe,
    network=True,
    place=host_and_port,
    secrets=("password",),
    names=_names,
    validate=_validate,
)
