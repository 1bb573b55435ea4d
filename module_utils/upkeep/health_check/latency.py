# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judging how long answers took, for kinds that measure it."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..base.options import Option, Options, option
from ..base.text import percentile
from ..findings import Finding, Limits
from .check import Check, CheckError
from .kind import Row, limit_words

OPTIONS: t.Final[Options] = {
    "warning_ms": option("float", "Slower than this is C(warning).", above=0),
    "critical_ms": option("float", "Slower than this is C(critical).", above=0),
    "samples": option(
        "int",
        "How many answers to time, one after the other, all within O(checks[].timeout).",
        default=1,
        minimum=1,
        maximum=1000,
    ),
    "minimum": option(
        "int",
        "With fewer answers than this the latency is C(unknown).",
        default=1,
        minimum=1,
    ),
}
#: Below this many samples the 95th percentile is the slowest of them.
ENOUGH: t.Final = 20


def latency_option(**more: Option) -> Option:
    """Return the option ``latency`` of a kind, with further options of its own."""
    return option(
        "dict",
        [
            "Adds the finding C(kind:name.latency).",
            "With several samples the 95th percentile is judged, and every sample must be a right"
            " answer.",
        ],
        options={**OPTIONS, **more},
    )


def scale_limits(checks: Sequence[Check], factor: float) -> list[Check]:
    """Return the checks with their limits of latency multiplied, for hosts that share a machine."""
    return [_scaled(check, factor) for check in checks]


def _scaled(check: Check, factor: float) -> Check:
    entry = check.options.get("latency")
    if not entry:
        return check

    scaled = {
        name: entry[name] * factor
        for name in ("warning_ms", "critical_ms")
        if entry[name] is not None
    }

    return replace(check, options={**check.options, "latency": {**entry, **scaled}})


def judge_latency(
    check: Check, samples: Sequence[float], timed_out: int = 0, phases: str = ""
) -> Finding:
    """Return the finding ``<check>.latency`` for times in ms.

    Several are judged by their 95th percentile. A sample that timed out has its limit as its time:
    it took at least that long. ``phases`` says where the time went.
    """
    entry = check.options["latency"]
    if len(samples) < entry["minimum"]:
        message = f"not enough answers to judge ({len(samples)} of {entry['minimum']})"
        return check.finding(
            "unknown", message, aspect="latency", observed=len(samples), unit="answers"
        )

    judged = percentile(samples, 95)
    lost = f", {timed_out} timed out" if timed_out else ""

    return check.measured(
        judged,
        Limits(entry["warning_ms"], entry["critical_ms"]),
        f"{_summary(samples, judged)}{lost}{phases}",
        "see what the service waits for",
        aspect="latency",
        unit="ms",
    )


def _summary(samples: Sequence[float], judged: float) -> str:
    if len(samples) == 1:
        return f"answered in {judged:g} ms"

    middle, slowest = percentile(samples, 50), max(samples)
    message = f"{len(samples)} answers: p50 {middle:g} ms, p95 {judged:g} ms, max {slowest:g} ms"
    if len(samples) < ENOUGH:
        message += f" (fewer than {ENOUGH}, so the slowest is judged)"

    return message


def names(check: Check) -> tuple[str, ...]:
    """Return the finding that the option ``latency`` asks for."""
    return (f"{check.id}.latency",) if check.options["latency"] else ()


def describe(check: Check) -> Iterator[Row]:
    """Yield the row of the finding that the option ``latency`` asks for."""
    entry = check.options["latency"]
    if entry:
        many = f", 95th percentile of {entry['samples']}" if entry["samples"] > 1 else ""
        words = limit_words(Limits(entry["warning_ms"], entry["critical_ms"]), " ms")
        yield Row(f"{check.id}.latency", f"time to the answer{many}", *words)


def validate(check: Check) -> None:
    """Raise CheckError for more answers required than are taken."""
    entry = check.options["latency"]
    if entry and entry["minimum"] > entry["samples"]:
        raise CheckError(
            f"latency.minimum is {entry['minimum']}; at most {entry['samples']}, the samples taken"
        )
