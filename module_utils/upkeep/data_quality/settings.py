# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is asked for: each entry of ``checks`` as a typed value whose keys and limits make sense for its kind."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ..base.text import duplicates
from ..cadence import wanted
from ..findings import Finding, finding, judge
from .options import TYPES

_NAME: t.Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_COMMON: t.Final = frozenset(
    ("name", "kind", "component", "cadences", "requirements", "aspects", "timeout")
)
_SQL: t.Final = frozenset(("database", "sqlite"))
_ODD: t.Final = ("deviations", "least_price_percent", "least_volume_factor")
_TABLE: t.Final = frozenset(("schema", "table", "where", "time"))


class DataError(ValueError):
    """Input that cannot be worked with; the message names the check, the key and what to change."""


class Kind(t.NamedTuple):
    """What an entry of a kind may and must hold.

    ``limits`` maps an aspect to the side on which a figure is bad.
    """

    prefix: str
    needed: frozenset[str]
    optional: frozenset[str]
    limits: t.Mapping[str, t.Literal["above", "below"]]
    sources: frozenset[str]


KINDS: t.Final[dict[str, Kind]] = {
    "series": Kind(
        "series",
        frozenset(("table", "time", "key", "interval_seconds")),
        frozenset(("schema", "keys", "keys_from", "price", "volume", "window_hours", *_ODD)),
        {
            "points": "below",
            "missing": "above",
            "gaps": "above",
            "prices": "above",
            "volumes": "above",
            "age": "above",
        },
        frozenset(("database",)),
    ),
    "table": Kind(
        "table", frozenset(("table",)), _TABLE - {"table"}, {"rows": "below", "age": "above"}, _SQL
    ),
    "scrapers": Kind(
        "scraper",
        frozenset(("table", "time", "key", "keys", "status", "good", "rows")),
        frozenset(("schema",)),
        {"age": "above", "rows": "below"},
        _SQL,
    ),
    "figure": Kind(
        "figure",
        frozenset(),
        frozenset(("query", "unit", "labelled", "baseline", "worse", "schema")),
        {"value": "above", "baseline": "above"},
        _SQL,
    ),
    "integrity": Kind(
        "integrity", frozenset(), frozenset(("references", "amcheck")), {"orphans": "above"}, _SQL
    ),
    "cache": Kind(
        "cache",
        frozenset(("pages", "entries", "items", "fields")),
        frozenset(("row_pattern", "structure_pattern", "life")),
        {},
        frozenset(("folder",)),
    ),
}


@dataclass(frozen=True)
class Check:
    """One checked entry.

    ``source`` is ``database``, ``sqlite`` or ``folder``; ``place`` is its name or path.
    """

    name: str
    kind: str
    source: str
    place: str
    options: t.Mapping[str, t.Any] = field(default_factory=dict)
    limits: t.Mapping[str, t.Mapping[str, float]] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()
    aspect_requirements: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)
    timeout: float = 30.0

    @property
    def id(self) -> str:
        """Return the name that findings begin with."""
        return f"{KINDS[self.kind].prefix}:{self.name}"

    def finding(
        self, aspect: str, status: str, message: str, *, of: str = "", **fields: t.Any
    ) -> Finding:
        """Return one finding on an aspect ('' for the check as a whole), ``of`` one of several things looked at."""
        asked = self.aspect_requirements.get(aspect) or self.requirements
        check = f"{self.id}{f'[{of}]' if of else ''}{f'.{aspect}' if aspect else ''}"
        return finding(check, status, message, requirements=asked, **fields)

    def judged(
        self, aspect: str, value: float, good: str, bad: str, *, of: str = "", unit: str = ""
    ) -> Finding:
        """Return the finding on a figure held against the limits of its aspect.

        ``bad`` says what to do.
        """
        side = (
            self.options.get("worse", "above")
            if aspect == "value"
            else KINDS[self.kind].limits[aspect]
        )
        levels = self.limits.get(aspect, {})
        status = judge(value, levels.get("warning"), levels.get("critical"), side)
        word = "at most" if side == "above" else "at least"
        limit = levels.get("warning", levels.get("critical"))
        expected = None if limit is None else f"{word} {limit:g}"
        message = good if status == "ok" else bad

        return self.finding(
            aspect, status, message, of=of, observed=shown(value), expected=expected, unit=unit
        )


def shown(value: float) -> int | float:
    """Return a figure as people write it: whole where it is whole, else with three places."""
    return int(value) if float(value).is_integer() else round(float(value), 3)


def parse_checks(raw: t.Sequence[t.Mapping[str, t.Any]], cadence: str) -> list[Check]:
    """Return the checks of a cadence; raises DataError."""
    try:
        entries = wanted(
            [{key: value for key, value in entry.items() if value is not None} for entry in raw],
            cadence,
        )
    except ValueError as error:
        raise DataError(str(error)) from error

    checks = [_check(entry) for entry in entries]
    if again := duplicates(check.id for check in checks):
        raise DataError(
            f"checks: {again[0]!r} stands there twice; give each check of a kind a name of its own"
        )

    return checks


def _check(raw: t.Mapping[str, t.Any]) -> Check:
    name, kind = raw["name"], KINDS[raw["kind"]]
    if not _NAME.fullmatch(name):
        raise DataError(
            f"checks: name {name!r} may hold only letters, digits, dot, dash and underscore"
        )

    place = f"check {name!r}"
    given = [source for source in ("database", "sqlite", "folder") if raw.get(source)]
    # A figure may stand in a profile before anybody knows where it comes from; it is then reported
    # as unknown.
    if not (given == [] and raw["kind"] == "figure" and "query" not in raw) and (
        len(given) != 1 or given[0] not in kind.sources
    ):
        raise DataError(
            f"{place}: give exactly one of {', '.join(sorted(kind.sources))} for kind {raw['kind']}"
        )

    _only_known(place, raw, kind)
    source = given[0] if given else ""
    if source in ("sqlite", "folder") and (
        not raw[source].startswith("/") or not raw[source].isprintable()
    ):
        raise DataError(f"{place}: {source} {raw[source]!r} must begin with /")

    check = Check(
        name=name,
        kind=raw["kind"],
        source=source,
        place=raw.get(source, ""),
        options={key: raw[key] for key in kind.needed | kind.optional if key in raw},
        limits=_limits(place, raw.get("aspects") or {}, raw["kind"]),
        requirements=tuple(raw.get("requirements") or ()),
        aspect_requirements={
            aspect: levels["requirements"]
            for aspect, levels in (raw.get("aspects") or {}).items()
            if levels.get("requirements")
        },
        timeout=raw.get("timeout", 30.0),
    )
    for problem in _problems(check):
        raise DataError(f"{place}: {problem}")

    return check


def _only_known(place: str, raw: t.Mapping[str, t.Any], kind: Kind) -> None:
    """Refuse keys of other kinds.

    Those with a default in the argument spec are always there and do no harm.
    """
    defaults = {
        "schema",
        "window_hours",
        "deviations",
        "least_price_percent",
        "least_volume_factor",
        "unit",
    }
    defaults |= {"labelled", "baseline", "worse", "amcheck"}
    strange = set(raw) - _COMMON - kind.needed - kind.optional - kind.sources - defaults
    if strange:
        raise DataError(f"{place}: {sorted(strange)[0]!r} is nothing that kind {raw['kind']} knows")

    missing = {key for key in kind.needed if not raw.get(key)}
    if missing:
        raise DataError(f"{place}: kind {raw['kind']} needs {sorted(missing)[0]!r}")


def _limits(place: str, raw: t.Mapping[str, t.Any], name: str) -> dict[str, dict[str, float]]:
    """Return the levels of the aspects that have some; raises DataError."""
    limits: dict[str, dict[str, float]] = {}
    for aspect, levels in raw.items():
        if aspect not in _aspects(name):
            raise DataError(
                f"{place}: aspects knows {', '.join(sorted(_aspects(name)))} here, not {aspect!r}"
            )

        if (
            not isinstance(levels, dict)
            or not levels
            or set(levels) - {"warning", "critical", "requirements"}
        ):
            raise DataError(
                f"{place}: aspects.{aspect} is {levels!r}; give warning, critical or requirements"
            )

        given = {level: value for level, value in levels.items() if level != "requirements"}
        if given and aspect not in KINDS[name].limits:
            raise DataError(f"{place}: aspects.{aspect} takes no limit, only requirements")

        try:
            limits[aspect] = {level: float(value) for level, value in given.items()}
        except (TypeError, ValueError) as error:
            raise DataError(f"{place}: aspects.{aspect} {levels!r} must hold numbers") from error

    return limits


def _problems(check: Check) -> t.Iterator[str]:
    options = check.options
    if not 0 < check.timeout <= 3600:
        yield f"timeout is {check.timeout}; give above 0 and at most 3600 seconds"

    for key in ("interval_seconds", "window_hours", "deviations"):
        if not 0 < options.get(key, 1) < float("inf"):
            yield f"{key} is {options[key]}; it must be above 0"

    if check.kind == "series":
        if bool(options.get("keys")) == bool(options.get("keys_from")):
            yield "give either keys or keys_from: without them nobody would miss a pair that stopped"
        if options["interval_seconds"] > options["window_hours"] * 3600:
            yield "interval_seconds is longer than the window"

    if check.kind == "integrity" and check.source == "sqlite" and options.get("amcheck"):
        yield "amcheck is for PostgreSQL; SQLite files are checked by the job db_maintenance"

    if check.kind == "cache":
        yield from _cache_problems(options)


def _aspects(kind: str) -> set[str]:
    """Return the aspects of a kind, those without a limit included."""
    extra = {
        "integrity": {"constraints", "amcheck"},
        "cache": {"rows", "fields", "structure", "life"},
        "scrapers": {"last"},
    }
    return set(KINDS[kind].limits) | extra.get(kind, set())


def _cache_problems(options: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for key in ("row_pattern", "structure_pattern"):
        try:
            re.compile(options.get(key, ""))
        except re.error as error:
            yield f"{key} {options[key]!r} is no regular expression: {error}"

    for key in ("pages", "entries"):
        if options[key].count("*") != 1 or "/" in options[key]:
            yield f"{key} is {options[key]!r}; give a file name with one '*', such as calendar_*.html"

    for name, kind in options["fields"].items():
        if kind not in TYPES:
            yield f"fields.{name} is {kind!r}; known are {', '.join(TYPES)}"
