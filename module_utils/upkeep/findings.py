# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The finding: what one check saw, in the one shape that travels from probe to report.

A *partial* finding is what a module returns: ``check, status, message`` and optionally ``observed,
expected, unit, requirements``. The controller completes it with ``system, host, area`` and a
``fingerprint``. Runs on targets, so standard library only.
"""

from __future__ import annotations

import hashlib
import re
import typing as t
from collections.abc import Mapping

STATUSES: t.Final = ("ok", "info", "warning", "critical", "unknown")
#: Worst first: how a group of findings is summed up. ``unknown`` is worse than ``warning``: nobody
#: looked.
SEVERITY: t.Final = ("critical", "unknown", "warning", "info", "ok")
PARTIAL_FIELDS: t.Final = (
    "check",
    "status",
    "observed",
    "expected",
    "unit",
    "limits",
    "message",
    "requirements",
)
FIELDS: t.Final = ("system", "host", "area", *PARTIAL_FIELDS, "fingerprint")
#: A finding on a log may also have the lines that people shall read: so many, of so many letters.
LINES: t.Final = "lines"
MOST_LINES: t.Final = 50
LONGEST_LINE: t.Final = 300

_REQUIREMENT = re.compile(r"^R-[a-z_]+-\d{2,3}$")
_AREA = re.compile(r"^[a-z][a-z0-9_]*$")

Status = t.Literal["ok", "info", "warning", "critical", "unknown"]
Side = t.Literal["above", "below"]
Finding = dict[str, t.Any]


class FindingError(ValueError):
    """A finding that does not fit the schema; the message names the field and the value."""


def finding(
    check: str,
    status: str,
    message: str,
    *,
    observed: t.Any = None,
    expected: t.Any = None,
    unit: str = "",
    limits: Mapping[str, t.Any] | None = None,
    requirements: t.Iterable[str] = (),
    lines: t.Iterable[str] = (),
) -> Finding:
    """Return one partial finding; raises FindingError when a field does not fit.

    ``limits`` are the numbers behind ``expected``, as ``Limits.numbers`` gives them. ``lines`` are
    those of a log that people shall read, oldest first.
    """
    partial: Finding = {
        "check": check,
        "status": status,
        "observed": observed,
        "expected": expected,
        "unit": unit,
        "limits": None if limits is None else dict(limits),
        "message": message,
        "requirements": sorted(set(requirements)),
    }
    if shown := list(lines):
        partial[LINES] = shown

    validate_partial(partial)

    return partial


class Limits(t.NamedTuple):
    """The limits of one figure, as numbers; a limit itself is still within it.

    ``side`` is where it gets bad: ``above`` the limits or ``below`` them.
    """

    warning: float | None = None
    critical: float | None = None
    side: Side = "above"

    @classmethod
    def of(cls, options: Mapping[str, t.Any], side: Side = "above") -> Limits:
        """Return the limits that stand as ``warning`` and ``critical`` in an entry of a profile."""
        return cls(options.get("warning"), options.get("critical"), side)

    @property
    def numbers(self) -> dict[str, t.Any] | None:
        """The limits as plain data for a finding; None without any."""
        if self.warning is None and self.critical is None:
            return None

        return {"warning": self.warning, "critical": self.critical, "side": self.side}

    @property
    def text(self) -> str | None:
        """The tightest limit for people: ``at most 90``; None without any."""
        tightest = self.warning if self.warning is not None else self.critical
        if tightest is None:
            return None

        return f"{'at most' if self.side == 'above' else 'at least'} {tightest:.12g}"

    def judge(self, value: float) -> str:
        """Return ``ok``, ``warning`` or ``critical`` for a figure, ``unknown`` for no number."""
        if value != value:  # NaN is on neither side of any limit
            return "unknown"

        sign = 1 if self.side == "above" else -1
        if self.critical is not None and sign * value > sign * self.critical:
            return "critical"
        if self.warning is not None and sign * value > sign * self.warning:
            return "warning"

        return "ok"


NO_LIMITS: t.Final = Limits()


class Subject(t.NamedTuple):
    """What a finding is about: a check's id and the requirements that ask for it."""

    check_id: str
    requirements: tuple[str, ...] = ()

    def finding(self, status: str, message: str, *, aspect: str = "", **details: t.Any) -> Finding:
        """Return a finding on the subject or on one aspect of it; details as for ``finding``."""
        check = f"{self.check_id}.{aspect}" if aspect else self.check_id

        return finding(check, status, message, requirements=self.requirements, **details)

    def measured(
        self,
        value: float,
        limits: Limits,
        message: str,
        advice: str = "",
        *,
        aspect: str = "",
        unit: str = "",
        status: str = "",
    ) -> Finding:
        """Return the finding for a figure: the one way from a number and its limits to a status.

        ``message`` says what was seen; ``advice`` is added when that is not ok. ``status`` replaces
        the one that the limits give, for a figure that is only told (``info``).
        """
        status = status or limits.judge(value)
        text = message if status in ("ok", "info") or not advice else f"{message}: {advice}"

        return self.finding(
            status,
            text,
            aspect=aspect,
            observed=value,
            expected=limits.text,
            unit=unit,
            limits=limits.numbers,
        )


def judge(
    value: float,
    warning: float | None = None,
    critical: float | None = None,
    worse: Side = "above",
) -> str:
    """Return the status of a measured value; the limit itself is still within it."""
    return Limits(warning, critical, worse).judge(value)


def worst(statuses: t.Iterable[str]) -> str:
    """Return the most severe of the given statuses.

    ``unknown`` for none, since nothing was seen.
    """
    seen = set(statuses)
    return next((status for status in SEVERITY if status in seen), "unknown")


def fingerprint(system: str, host: str, area: str, check: str) -> str:
    """Return 16 hex digits that stay the same for one check on one host."""
    return hashlib.sha256("\0".join((system, host, area, check)).encode()).hexdigest()[:16]


def validate_partial(partial: t.Any) -> None:
    """Raise FindingError unless ``partial`` is a well-formed partial finding."""
    if not isinstance(partial, dict):
        raise FindingError(f"a finding is a mapping, not {type(partial).__name__}: {partial!r}")

    extra = set(partial) - {*PARTIAL_FIELDS, LINES}
    if extra:
        named = f"{sorted(extra)} in finding {partial.get('check')!r}"
        raise FindingError(f"unknown field(s) {named}; known: {PARTIAL_FIELDS}")

    for name in ("check", "message"):
        if not isinstance(partial.get(name), str) or not partial[name].strip():
            raise FindingError(f"field '{name}' must be text that is not empty: {partial!r}")

    if partial.get("status") not in STATUSES:
        named = f"field 'status' of {partial['check']!r} is {partial.get('status')!r}"
        raise FindingError(f"{named}; choose one of {STATUSES}")
    if not isinstance(partial.get("unit", ""), str):
        raise FindingError(f"field 'unit' of {partial['check']!r} must be text")

    limits = partial.get("limits")
    if limits is not None and not isinstance(limits, Mapping):
        raise FindingError(f"field 'limits' of {partial['check']!r} must be a mapping")

    _validate_lines(partial)
    _validate_requirements(partial)


def _validate_lines(partial: Finding) -> None:
    lines = partial.get(LINES, [])
    fits = isinstance(lines, list) and all(isinstance(line, str) for line in lines)
    if not fits or len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
        raise FindingError(
            f"field 'lines' of {partial['check']!r} must be a list of at most {MOST_LINES} lines "
            f"of {LONGEST_LINE} characters"
        )


def _validate_requirements(partial: Finding) -> None:
    ids = partial.get("requirements", [])
    if not isinstance(ids, (list, tuple)):
        raise FindingError(
            f"field 'requirements' of {partial['check']!r} must be a list of ids, not {ids!r}"
        )

    for item in ids:
        if not isinstance(item, str) or not _REQUIREMENT.match(item):
            named = f"requirement id {item!r} of {partial['check']!r}"
            raise FindingError(f"{named} does not look like R-<system>-<number>")


def complete(partial: t.Any, *, system: str, host: str, area: str) -> Finding:
    """Return the full finding for the report.

    Raises FindingError when a part of it does not fit.
    """
    validate_partial(partial)
    if not _AREA.match(area):
        raise FindingError(f"area {area!r} must be lower case letters, digits and underscores")

    full = {name: partial.get(name) for name in PARTIAL_FIELDS}
    full["unit"] = full["unit"] or ""
    full["requirements"] = sorted(set(full["requirements"] or []))

    return {
        "system": system,
        "host": host,
        "area": area,
        **full,
        **({LINES: partial[LINES]} if partial.get(LINES) else {}),
        "fingerprint": fingerprint(system, host, area, partial["check"]),
    }
