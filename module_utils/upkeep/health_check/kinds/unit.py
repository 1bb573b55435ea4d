# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``unit``: the state of a systemd unit, as systemd itself tells it."""

from __future__ import annotations

import subprocess
import typing as t
from collections.abc import Iterator, Mapping, Sequence

from ...findings import Finding, judge
from .. import counters as since
from ..check import Check, CheckError, Deadline, Kind, ProbeError, remember

PROPERTIES: t.Final = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts")


def parse(text: str) -> dict[str, str]:
    """Return the properties that ``systemctl show`` printed as ``Name=value`` lines."""
    return {
        name: value
        for name, separator, value in (line.partition("=") for line in text.splitlines())
        if separator
    }


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the unit's state and, where a limit is given, how often systemd had to restart it."""
    state = show(check.options["unit"], PROPERTIES, deadline)
    yield judge_state(check, state)
    if state["LoadState"] != "loaded":
        return  # systemd counts no restarts of what it does not know, and that is not the same as none

    restarts = int(state.get("NRestarts") or 0)
    if check.options["max_restarts"] is not None:
        yield judge_restarts(check, restarts)

    if check.options["max_new_restarts"] is not None:
        yield from judge_new_restarts(check, restarts)


def judge_restarts(check: Check, restarts: int) -> Finding:
    """Return the finding for the restarts since a person or a program last started the unit."""
    limit = check.options["max_restarts"]
    status = judge(restarts, warning=limit)

    return check.finding(
        status,
        f"systemd restarted {check.options['unit']} {restarts} times since it was last started by hand"
        + ("" if status == "ok" else ": its journal says why it ended"),
        aspect="restarts",
        observed=restarts,
        expected=f"at most {limit}",
    )


def judge_new_restarts(check: Check, restarts: int) -> Iterator[Finding]:
    """Yield the finding for the restarts since the run before, and what the next run needs."""
    limit, unit = check.options["max_new_restarts"], check.options["unit"]
    current = since.now({"restarts": restarts})
    yield remember(current)
    passed = since.span(check.before, current)
    if passed is None:
        message = f"restarts of {unit} cannot be told yet: there was no run before, or the unit was started anew"
        yield check.finding("info", message, aspect="new_restarts")
        return

    new = passed.counts["restarts"]
    yield check.measured(
        new,
        {"warning": limit},
        f"systemd restarted {unit} {new} times since the run before",
        "its journal says why it ended",
        aspect="new_restarts",
    )


def judge_state(check: Check, state: Mapping[str, str]) -> Finding:
    """Return the finding for a unit in this state; raises ProbeError when the state is not told."""
    unit, expected = check.options["unit"], check.options["expect"]
    load, active = state.get("LoadState", ""), state.get("ActiveState", "")
    if not load or not active:
        raise ProbeError("unknown", f"systemd did not tell the state of {unit}")

    described = f"{active} ({state.get('SubState', '')})"
    if load == "not-found":
        status, observed, message = (
            "critical",
            load,
            f"{unit} does not exist: is the package installed, the name right?",
        )
    elif load == "masked":
        status, observed, message = (
            "critical",
            load,
            f"{unit} is masked: it cannot start until it is unmasked",
        )
    elif active in expected:
        status, observed, message = "ok", described, f"{unit} is {described}"
    else:
        reason = (
            f", last result: {state['Result']}"
            if state.get("Result", "success") != "success"
            else ""
        )
        status, observed = "critical", described
        message = f"{unit} is {described}{reason}: see journalctl -u {unit}"

    return check.finding(status, message, observed=observed, expected=" or ".join(expected))


def show(unit: str, properties: Sequence[str], deadline: Deadline) -> dict[str, str]:
    """Return some properties of a unit; raises ProbeError, TimeoutError."""
    argv = ["systemctl", "show", f"--property={','.join(properties)}", "--", unit]
    try:
        done = subprocess.run(  # noqa: S603 - an argv list; the unit name cannot become an option
            argv,
            capture_output=True,
            text=True,
            timeout=deadline.remaining(),
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError as error:
        raise ProbeError("unknown", "this host has no systemctl") from error
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error

    if done.returncode != 0:
        reason = " ".join(done.stderr.split()) or "no reason given"
        raise ProbeError("unknown", f"systemctl cannot tell the state of {unit}: {reason}")

    return parse(done.stdout)


def _names(check: Check) -> tuple[str, ...]:
    aspects = {"max_restarts": "restarts", "max_new_restarts": "new_restarts"}
    return tuple(
        f"{check.id}.{aspect}" for key, aspect in aspects.items() if check.options[key] is not None
    )


def _validate(check: Check) -> None:
    if not check.options["unit"].strip():
        raise CheckError("unit must be the name of a systemd unit")


KIND = Kind(
    options={
        "unit": {"type": "str", "required": True},
        "expect": {"type": "list", "elements": "str", "default": ["active"]},
        "max_restarts": {"type": "int"},
        "max_new_restarts": {"type": "int"},
    },
    probe=probe,
    names=_names,
    validate=_validate,
    remembers=lambda check: check.options["max_new_restarts"] is not None,
)
