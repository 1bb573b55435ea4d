# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a check and a kind of check are. Everything else of the probe speaks in these terms."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ..findings import Finding, finding, judge

#: Argument spec of the two limits that most measurements have.
LIMITS: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "warning": {"type": "float"},
    "critical": {"type": "float"},
}
Memory = Mapping[str, t.Any]


class CheckError(ValueError):
    """A check that cannot be understood; the message names the check and the key."""


class ProbeError(Exception):
    """Ends a probe early with one finding under the check's own name."""

    def __init__(self, status: str, message: str, observed: t.Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.observed = observed


@dataclass(frozen=True)
class Check:
    """One check of the profile, validated and with every option of its kind present (None when not given)."""

    name: str
    kind: str
    timeout: float  # seconds for one attempt, from start to verdict
    attempts: int
    interval: float  # seconds between attempts
    depends_on: tuple[str, ...]  # ids of other checks
    component: str | None
    requirements: tuple[str, ...]
    options: Mapping[str, t.Any] = field(repr=False)  # may hold secrets
    cadences: tuple[str, ...] | None = None  # None: every one
    severity: str = "critical"  # what a failure counts as
    fall: int = 1  # failures in a row, counted over runs, before it counts as failed
    rise: int = 1  # good answers in a row before it counts as well again
    before: Memory | None = None  # what the check remembered in an earlier run

    @property
    def id(self) -> str:
        """The name of the check's own finding."""
        return f"{self.kind}:{self.name}"

    def finding(
        self,
        status: str,
        message: str,
        *,
        aspect: str = "",
        observed: t.Any = None,
        expected: t.Any = None,
        unit: str = "",
    ) -> Finding:
        """Return the finding of this check, or of one aspect of it."""
        return self.named(
            f"{self.id}.{aspect}" if aspect else self.id,
            status,
            message,
            observed=observed,
            expected=expected,
            unit=unit,
        )

    def measured(
        self,
        value: float,
        limits: Mapping[str, t.Any],
        message: str,
        advice: str,
        *,
        aspect: str = "",
        unit: str = "",
        worse: t.Literal["above", "below"] = "above",
    ) -> Finding:
        """Return the finding for a figure with the limits ``warning`` and ``critical``.

        Advice is for a bad one.
        """
        warning, critical = limits.get("warning"), limits.get("critical")
        status = judge(value, warning, critical, worse)

        return self.finding(
            status,
            message if status == "ok" else f"{message}: {advice}",
            aspect=aspect,
            observed=value,
            expected=limits_text(warning, critical, worse),
            unit=unit,
        )

    def named(self, name: str, status: str, message: str, **details: t.Any) -> Finding:
        """Return a finding under another name than the check's own, for kinds that find several things."""
        return finding(name, status, message, requirements=self.requirements, **details)


class Deadline:
    """A moment after which nothing may wait any longer."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, always above zero; raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def part(self, seconds: float) -> Deadline:
        """Return a deadline for a part of the work, which never lasts longer than the whole.

        Raises TimeoutError.
        """
        return Deadline(min(seconds, self.remaining()))

    def is_over(self) -> bool:
        """Return whether there is no time left."""
        return time.monotonic() >= self._end


def _no_names(_check: Check) -> tuple[str, ...]:
    return ()


def _nowhere(_check: Check) -> str:
    return ""


def _accept(_check: Check) -> None:
    return None


def _never(_check: Check) -> bool:
    return False


def always(_check: Check) -> bool:
    """Return True: something holds for every check of a kind."""
    return True


def remember(memory: Memory) -> dict[str, t.Any]:
    """Return what a probe yields, beside its findings, for itself in the next run.

    Plain JSON only.
    """
    return {"remember": dict(memory)}


class Kind(t.NamedTuple):
    """How one kind of check is configured and carried out.

    ``options``: argument spec of its keys. ``probe``: yields findings; may raise ProbeError,
    TimeoutError or OSError. ``network``: not answering in time is the service's fault (critical),
    not ours (unknown). ``secrets``: options that must never be shown. ``names``: findings besides
    the check's own that are due whatever happens. ``place``: the address of the service, for
    messages. ``validate``: raises CheckError for options that do not go together. ``remembers``:
    whether the check compares with an earlier run; its probe then also yields ``remember(...)``,
    which comes back as ``check.before``. ``waits``: whether the probe does nothing but wait for the
    network, so that a thread is enough for it: no pattern, no large answer and no library that may
    keep other threads from running, no other user.
    """

    options: Mapping[str, Mapping[str, t.Any]]
    probe: Callable[[Check, Deadline], Iterator[Finding]]
    network: bool = False
    secrets: tuple[str, ...] = ()
    names: Callable[[Check], tuple[str, ...]] = _no_names
    place: Callable[[Check], str] = _nowhere
    validate: Callable[[Check], None] = _accept
    remembers: Callable[[Check], bool] = _never
    waits: Callable[[Check], bool] = _never


def host_and_port(check: Check) -> str:
    """Return the address of a check with the options host and port."""
    return f"{check.options['host']}:{check.options['port']}"


def limits_text(warning: float | None, critical: float | None, worse: str = "above") -> str | None:
    """Return how the tightest limit is shown: ``at most 90``; None when there is no limit."""
    tightest = warning if warning is not None else critical
    if tightest is None:
        return None
    return f"{'at most' if worse == 'above' else 'at least'} {tightest:g}"


def milliseconds(started: float) -> float:
    """Return the time since ``started`` (time.monotonic()) in ms, to a tenth."""
    return round((time.monotonic() - started) * 1000, 1)
