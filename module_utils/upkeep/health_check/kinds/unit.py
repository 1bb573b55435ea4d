# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``unit``: the state of a systemd unit, as systemd itself reports it."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from ...base.deadline import Deadline
from ...base.options import option
from ...base.systemd import ACTIVE_STATES
from ...findings import Finding, Limits
from .. import counters
from ..check import Check, ProbeError, remember
from ..clients.units import unit_option, unit_properties, validate_unit
from ..kind import NEVER, OTHERWISE, Kind, Row, limit_words

PROPERTIES: t.Final = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts")


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the unit's state, and how often systemd restarted it where a limit is given."""
    state = unit_properties(check.options["unit"], PROPERTIES, deadline)
    yield judge_state(check, state)
    if state["LoadState"] != "loaded":
        return  # systemd counts no restarts of what it does not know, which is not the same as 0

    restarts = int(state.get("NRestarts") or 0)
    if check.options["max_restarts"] is not None:
        yield judge_restarts(check, restarts)

    if check.options["max_new_restarts"] is not None:
        yield from judge_new_restarts(check, restarts)


def judge_restarts(check: Check, restarts: int) -> Finding:
    """Return the finding for the restarts since a person or a program last started the unit."""
    unit = check.options["unit"]

    return check.measured(
        restarts,
        Limits(check.options["max_restarts"]),
        f"systemd restarted {unit} {restarts} times since it was last started by hand",
        f"see journalctl -u {unit} for why it ended",
        aspect="restarts",
    )


def judge_new_restarts(check: Check, restarts: int) -> Iterator[Finding]:
    """Yield the finding for the restarts since the previous run, and what the next run needs."""
    unit = check.options["unit"]
    current = counters.snapshot({"restarts": restarts})
    yield remember(current)

    passed = counters.delta(check.previous, current)
    if passed is None:
        message = f"restarts of {unit} are not known yet: no previous run, or it was started anew"
        yield check.finding("info", message, aspect="new_restarts")
        return

    new = passed.counts["restarts"]
    yield check.measured(
        new,
        Limits(check.options["max_new_restarts"]),
        f"systemd restarted {unit} {new} times since the previous run",
        f"see journalctl -u {unit} for why it ended",
        aspect="new_restarts",
    )


def judge_state(check: Check, state: Mapping[str, str]) -> Finding:
    """Return the finding for a unit in this state; raises ProbeError when systemd gave none."""
    unit, expected = check.options["unit"], check.options["expect"]
    load, active = state.get("LoadState", ""), state.get("ActiveState", "")
    if not load or not active:
        raise ProbeError("unknown", f"systemd reported no state of {unit}")

    status, observed = "critical", load
    if load == "not-found":
        message = f"{unit} does not exist: is the package installed, the name right?"
    elif load == "masked":
        message = f"{unit} is masked: it cannot start until it is unmasked"
    else:
        # A unit that reloads does its work meanwhile.
        works = active in ACTIVE_STATES and "active" in expected
        status = "ok" if works or active in expected else "critical"
        observed = f"{active} ({state.get('SubState', '')})"
        message = _state_message(unit, observed, state, status)

    return check.finding(status, message, observed=observed, expected=" or ".join(expected))


def _state_message(unit: str, described: str, state: Mapping[str, str], status: str) -> str:
    if status == "ok":
        return f"{unit} is {described}"

    result = state.get("Result", "success")
    reason = f", last result: {result}" if result != "success" else ""

    return f"{unit} is {described}{reason}: see journalctl -u {unit}"


def describe(check: Check) -> Iterator[Row]:
    """Yield the check and its aspects in words."""
    options = check.options
    asks = f"`{options['unit']}` is {' or '.join(options['expect'])}"
    yield Row(check.id, asks, NEVER, OTHERWISE)

    if options["max_restarts"] is not None:
        words = limit_words(Limits(options["max_restarts"]))
        yield Row(f"{check.id}.restarts", "restarts by systemd", *words)

    if options["max_new_restarts"] is not None:
        words = limit_words(Limits(options["max_new_restarts"]))
        asks = "restarts by systemd since the previous run"
        yield Row(f"{check.id}.new_restarts", asks, *words)


def _names(check: Check) -> tuple[str, ...]:
    aspects = {"max_restarts": "restarts", "max_new_restarts": "new_restarts"}

    return tuple(
        f"{check.id}.{aspect}" for key, aspect in aspects.items() if check.options[key] is not None
    )


KIND = Kind(
    description="systemd: active, failed, masked, not there",
    gives="`unit:NAME`, `.restarts`, `.new_restarts`",
    options={
        "unit": unit_option("The systemd unit.", required=True),
        "expect": option(
            "list", "Active states that are right.", elements="str", default=["active"]
        ),
        "max_restarts": option(
            "int",
            "Adds C(unit:name.restarts), C(warning) when systemd restarted the unit more often"
            " since it was started.",
            minimum=0,
        ),
        "max_new_restarts": option(
            "int",
            "Adds C(unit:name.new_restarts), the same since the previous run.",
            minimum=0,
        ),
    },
    probe=probe,
    describe=describe,
    holds_change=True,
    names=_names,
    validate=lambda check: validate_unit(check.options["unit"]),
    remembers=lambda check: check.options["max_new_restarts"] is not None,
)
