# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judging how long answers took, for kinds that measure it."""

from __future__ import annotations

import math
import typing as t
from collections.abc import Mapping, Sequence

from ..findings import Finding, judge
from .model import Check, CheckError, limits_text

OPTIONS: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "warning_ms": {"type": "float"},
    "critical_ms": {"type": "float"},
    "samples": {"type": "int", "default": 1},
}


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile of at least one sample: always a value that was seen."""
    rank = max(1, math.ceil(percent / 100 * len(samples)))
    return sorted(samples)[rank - 1]


def judge_latency(check: Check, samples: Sequence[float]) -> Finding:
    """Return the finding ``<check>.latency`` for times in ms; several samples are judged by their 95th percentile."""
    limits = check.options["latency"]
    judged = percentile(samples, 95)
    status = judge(judged, limits["warning_ms"], limits["critical_ms"])
    message = f"answered in {judged:g} ms"
    if len(samples) > 1:
        middle, slowest = percentile(samples, 50), max(samples)
        message = f"{len(samples)} answers: p50 {middle:g} ms, p95 {judged:g} ms, max {slowest:g} ms"
    return check.finding(
        status,
        message if status == "ok" else f"{message}: see what the service waits for",
        aspect="latency",
        observed=judged,
        expected=limits_text(limits["warning_ms"], limits["critical_ms"]),
        unit="ms",
    )


def names(check: Check) -> tuple[str, ...]:
    """Return the finding that the option ``latency`` asks for."""
    return (f"{check.id}.latency",) if check.options["latency"] else ()


def validate(check: Check) -> None:
    """Raise CheckError for a number of samples that makes no sense."""
    limits = check.options["latency"]
    if limits and not 1 <= limits["samples"] <= 1000:
        raise CheckError(f"latency.samples must be between 1 and 1000, not {limits['samples']}")
