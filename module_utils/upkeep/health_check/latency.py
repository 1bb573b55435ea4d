# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judging how long answers took, for kinds that measure it."""

from __future__ import annotations

import math
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..findings import Finding
from .check import Check, CheckError

OPTIONS: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "warning_ms": {"type": "float"},
    "critical_ms": {"type": "float"},
    "samples": {"type": "int", "default": 1},
    "minimum": {"type": "int", "default": 1},
}
#: Below this many samples the 95th percentile is the slowest of them.
ENOUGH: t.Final = 20


def scale_limits(checks: Sequence[Check], factor: float) -> list[Check]:
    """Return the checks with their limits of latency multiplied, for hosts that share a machine with others."""
    return [_scaled(check, factor) for check in checks]


def _scaled(check: Check, factor: float) -> Check:
    limits = check.options.get("latency")
    if not limits:
        return check

    scaled = {
        name: limits[name] * factor
        for name in ("warning_ms", "critical_ms")
        if limits[name] is not None
    }

    return replace(check, options={**check.options, "latency": {**limits, **scaled}})


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile of at least one sample: always a value that was seen."""
    rank = max(1, math.ceil(percent / 100 * len(samples)))
    return sorted(samples)[rank - 1]


def judge_latency(
    check: Check, samples: Sequence[float], timed_out: int = 0, where: str = ""
) -> Finding:
    """Return the finding ``<check>.latency`` for times in ms.

    Several are judged by their 95th percentile.

    A sample that timed out has its limit as its time: it took at least that long. ``where`` tells
    where the time went.
    """
    limits = check.options["latency"]
    if len(samples) < limits["minimum"]:
        message = (
            f"only {len(samples)} of at least {limits['minimum']} answers came, too few to judge"
        )
        return check.finding(
            "unknown", message, aspect="latency", observed=len(samples), unit="answers"
        )

    judged = percentile(samples, 95)
    message = f"answered in {judged:g} ms"
    if len(samples) > 1:
        middle, slowest = percentile(samples, 50), max(samples)
        message = (
            f"{len(samples)} answers: p50 {middle:g} ms, p95 {judged:g} ms, max {slowest:g} ms"
        )
        if len(samples) < ENOUGH:
            message += f" (fewer than {ENOUGH}, so the slowest is judged)"

    if timed_out:
        message += f", {timed_out} timed out"

    return check.measured(
        judged,
        {"warning": limits["warning_ms"], "critical": limits["critical_ms"]},
        f"{message}{where}",
        "see what the service waits for",
        aspect="latency",
        unit="ms",
    )


def names(check: Check) -> tuple[str, ...]:
    """Return the finding that the option ``latency`` asks for."""
    return (f"{check.id}.latency",) if check.options["latency"] else ()


def validate(check: Check) -> None:
    """Raise CheckError for a number of samples that makes no sense."""
    limits = check.options["latency"]
    if not limits:
        return
    if not 1 <= limits["samples"] <= 1000:
        raise CheckError(f"latency.samples must be between 1 and 1000, not {limits['samples']}")
    if not 1 <= limits["minimum"] <= limits["samples"]:
        raise CheckError("latency.minimum must be between 1 and samples")
    if (limits.get("timeout_ms") or 1) <= 0:
        raise CheckError("latency.timeout_ms must be above 0")
