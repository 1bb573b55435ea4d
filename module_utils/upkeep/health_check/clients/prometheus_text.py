# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text format of Prometheus (``/metrics``), as far as counters and histograms need it.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import math
import re
import typing as t
from collections.abc import Mapping, Sequence

#: Name, labels and value; then a time may follow, and an exemplar after ``#`` (OpenMetrics).
_SAMPLE: t.Final = re.compile(
    r"([A-Za-z_:][\w:]*)(?:[ \t]*\{((?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*)\}[ \t]*|[ \t]+)([^\s#]+)"
    r"(?:[ \t]+[^\s#]+)?(?:[ \t]+#.*)?",
    re.ASCII | re.DOTALL,
)
_LABEL: t.Final = re.compile(
    r'([A-Za-z_]\w*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"', re.ASCII | re.DOTALL
)
_TYPE: t.Final = re.compile(r"#[ \t]+TYPE[ \t]+(\S+)[ \t]+(\S+)")


class Sample(t.NamedTuple):
    """One line: a name, its labels, a finite number.

    Samples with an infinite or undefined value are left out.
    """

    name: str
    labels: Mapping[str, str]
    value: float


class Exposition(t.NamedTuple):
    """All samples, and the types that are announced.

    A counter with labels has no sample at first.
    """

    samples: Sequence[Sample]
    types: Mapping[str, str]

    def of(self, name: str) -> list[Sample]:
        """Return the samples of a name."""
        return [sample for sample in self.samples if sample.name == name]


class Histogram(t.NamedTuple):
    """Times: cumulative counts by upper bound in s (``inf`` last), and their sum in s."""

    buckets: Mapping[float, float]
    seconds: float

    @property
    def number(self) -> float:
        """Return how many there were."""
        return self.buckets.get(math.inf, 0.0)

    def percentile(self, share: float) -> float | None:
        """Return the time in s below which a share of all lies, interpolated within its bucket.

        None without any. What lies beyond the last bound counts as long as that bound; see
        ``beyond``.
        """
        rank, below, lower = share * self.number, 0.0, 0.0

        for bound, count in sorted(self.buckets.items()):
            if count >= rank and count > 0:
                if math.isinf(bound):
                    return lower
                return (
                    lower + (bound - lower) * (rank - below) / (count - below)
                    if count > below
                    else bound
                )
            below, lower = count, bound

        return None

    def beyond(self, share: float) -> bool:
        """Return whether that percentile lies beyond the last finite bound."""
        last = max((bound for bound in self.buckets if math.isfinite(bound)), default=0.0)
        return self.buckets.get(last, 0.0) < share * self.number


def parse(text: str) -> Exposition:
    """Return samples and types; lines that do not follow the format are left out."""
    samples, types = [], {}
    for line in text.split("\n"):  # a label may hold other signs that end a line
        stripped = line.strip(" \t\r")
        if announced := _TYPE.fullmatch(stripped):
            types[announced[1]] = announced[2]
        elif (found := _SAMPLE.fullmatch(stripped)) and (value := _number(found[3])) is not None:
            labels = {name: _plain(raw) for name, raw in _LABEL.findall(found[2] or "")}
            samples.append(Sample(found[1], labels, value))

    return Exposition(samples, types)


def histogram(metrics: Exposition, name: str) -> Histogram:
    """Return a histogram summed over all its other labels.

    Without a bucket for all of them, their number is taken from ``_count``.
    """
    buckets: dict[float, float] = {}
    for sample in metrics.of(f"{name}_bucket"):
        try:
            bound = float(sample.labels.get("le", ""))
        except ValueError:
            continue
        if not math.isnan(bound):
            buckets[bound] = buckets.get(bound, 0.0) + sample.value

    counts = metrics.of(f"{name}_count")
    if counts and math.inf not in buckets:
        buckets[math.inf] = sum(sample.value for sample in counts)

    return Histogram(buckets, sum(sample.value for sample in metrics.of(f"{name}_sum")))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _plain(raw: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], raw)
