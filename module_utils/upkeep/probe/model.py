# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a check and a kind of check are. Everything else of the probe speaks in these terms."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ..findings import Finding, finding


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


def _no_names(_check: Check) -> tuple[str, ...]:
    return ()


def _nowhere(_check: Check) -> str:
    return ""


def _accept(_check: Check) -> None:
    return None


@dataclass(frozen=True)
class Kind:
    """How one kind of check is configured and carried out.

    ``options``: argument spec of its keys. ``probe``: yields findings; may raise ProbeError, TimeoutError or OSError.
    ``network``: not answering in time is the service's fault (critical), not ours (unknown). ``secrets``: options
    that must never be shown. ``names``: findings besides the check's own that are due whatever happens.
    ``place``: the address of the service, for messages. ``validate``: raises CheckError for options that do not go
    together.
    """

    options: Mapping[str, Mapping[str, t.Any]]
    probe: Callable[[Check, Deadline], Iterator[Finding]]
    network: bool = False
    secrets: tuple[str, ...] = ()
    names: Callable[[Check], tuple[str, ...]] = _no_names
    place: Callable[[Check], str] = _nowhere
    validate: Callable[[Check], None] = _accept


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
