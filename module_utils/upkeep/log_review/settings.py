# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one run reviews: logs and the reviews of each, checked before anything is read."""

from __future__ import annotations

import datetime as dt
import functools
import re
import typing as t
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import options
from ..base.text import duplicates
from ..cadence import CADENCES, due_in
from .formats import FORMATS
from .formats.line_format import (
    CONTINUES,
    LEVELS,
    Format,
    JsonFormat,
    TextFormat,
    any_case,
    compile_line,
)
from .options import OPTIONS
from .times import NAMED, ZoneError, is_window, length, zone_of

_LITERAL: t.Final = re.compile(r"[\w |:/-]+", re.ASCII)
_MOST_PARTS: t.Final = 1000
#: What the module may take beyond reading, seconds.
_MARGIN: t.Final = 30.0

Values = Mapping[str, t.Any]
Pattern = re.Pattern[bytes]


class LogReviewError(options.OptionError):
    """Input that cannot be worked with; the message names the source or review, and the value."""


@dataclass(frozen=True)
class LogQuestion:
    """One review of a log: patterns fit bytes, limits are the largest values that are still right.

    ``worst_of`` in seconds: the window is cut into parts of that length, of which the worst is
    judged. ``per`` in seconds: the length that a count is given for, on average.
    """

    name: str
    measure: str
    window: str
    pattern: Pattern | None
    exclude: Pattern | None
    levels: frozenset[str]
    secrets: bool
    of: Pattern | None
    worst_of: float | None
    per: float | None
    number: str
    more_than: float | None
    by: str
    expected: str
    figure: str
    unit: str
    advice: str
    warning: float | None
    critical: float | None
    at_least: float | None
    trend_percent: float | None
    least_events: int
    show: int
    requirements: tuple[str, ...]

    @property
    def needs_level(self) -> bool:
        """Return whether it asks for the level of events."""
        return bool(self.levels) or self.by == "level"


@dataclass(frozen=True)
class LogSource:
    """One log; ``form`` is its format, None where it is found out by ``auto`` or ``text``."""

    name: str
    kind: str
    paths: tuple[str, ...]
    units: tuple[str, ...]
    identifiers: tuple[str, ...]
    containers: tuple[str, ...]
    form: Format | None
    form_name: str
    unfit_percent: float
    zone: dt.tzinfo | None
    fields: tuple[str, ...]
    silent_after: float | None
    unit: str
    optional: bool
    reviews: tuple[LogQuestion, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class LogReviewSettings:
    """What one run of the module does; times in seconds."""

    sources: tuple[LogSource, ...]
    zone: dt.tzinfo | None
    state: Path
    container_roots: tuple[str, ...]
    timeout: float
    follow_seconds: float
    follow_events: int
    max_seconds: float

    @property
    def deadline_seconds(self) -> float:
        """The time after which the module ends itself: reading and watching are over by then."""
        return max(self.max_seconds, self.timeout + _MARGIN) + self.follow_seconds


def parse(values: Values) -> LogReviewSettings:
    """Return the settings of the module; raises LogReviewError."""
    try:
        given = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise LogReviewError(str(error)) from error

    plain = ("timeout", "follow_seconds", "follow_events", "max_seconds")

    return LogReviewSettings(
        sources=tuple(parse_sources(given["sources"], given["components"], given["cadence"])),
        zone=_zone("time_zone", given["time_zone"]),
        state=Path(given["state"]),
        container_roots=tuple(given["container_roots"]),
        **{key: given[key] for key in plain},
    )


def parse_sources(
    entries: Sequence[Values], components: Collection[str] | None = None, cadence: str = ""
) -> list[LogSource]:
    """Return the logs that a host has and a cadence wants; raises LogReviewError.

    A log all of whose reviews belong to other cadences is left out, but validated: a mistake must
    not wait for the day it is due. ``components`` None stands for all.
    """
    if cadence and cadence not in CADENCES:
        raise LogReviewError(f"cadence is {cadence!r}; use one of {', '.join(CADENCES)}, or none")

    raw = [_filled(entry, position) for position, entry in enumerate(entries)]
    for entry in raw:
        _source({**entry, "reviews": _due(entry["reviews"], "")})

    _require_unique("sources", [entry["name"] for entry in raw])

    return [
        _source({**entry, "reviews": reviews})
        for entry in _due(raw, cadence)
        if _is_present(entry["component"], components)
        and ((reviews := _due(entry["reviews"], cadence)) or not entry["reviews"])
    ]


def _filled(entry: Values, position: int) -> dict[str, t.Any]:
    place = options.entry_place("sources", entry, position)
    try:
        return options.parse(OPTIONS["sources"]["options"], entry, place)
    except options.OptionError as error:
        raise LogReviewError(str(error)) from error


def _due(entries: Sequence[Values], cadence: str) -> list[dict[str, t.Any]]:
    try:
        return due_in(({**entry} for entry in entries), cadence)
    except ValueError as error:
        raise LogReviewError(str(error)) from error


def _is_present(component: str, components: Collection[str] | None) -> bool:
    return not component or components is None or component in components


def _require_unique(place: str, names: list[str]) -> None:
    if again := duplicates(names):
        raise LogReviewError(f"{place}: duplicate name {again[0]!r}")


def _zone(place: str, name: str) -> dt.tzinfo | None:
    try:
        return zone_of(name)
    except ZoneError as error:
        raise LogReviewError(f"{place}: {error}") from error


def _source(raw: Values) -> LogSource:
    place = f"sources '{raw['name']}'"
    _check_places(place, raw)
    reviews = tuple(_question(f"{place}.reviews '{one['name']}'", one) for one in raw["reviews"])
    _require_unique(place, ["format", *(review.name for review in reviews)])

    if not raw["unit"] and any(review.window == "since_start" for review in reviews):
        raise LogReviewError(f"{place}: window since_start needs the unit whose start is meant")

    form = _format(place, raw)
    if raw["fields"] and (isinstance(form, TextFormat) or raw["format"] == "text"):
        raise LogReviewError(f"{place}: fields are those of JSON records; set format to json")

    plain = ("name", "kind", "unfit_percent", "unit", "optional")
    lists = ("paths", "units", "identifiers", "containers", "fields", "requirements")
    values: dict[str, t.Any] = {key: raw[key] for key in plain}
    values |= {key: tuple(raw[key]) for key in lists}

    return LogSource(
        **values,
        form=form,
        form_name=raw["format"],
        zone=_zone(place, raw["time_zone"]),
        silent_after=length(raw["silent_after"]) if raw["silent_after"] else None,
        reviews=reviews,
    )


def _check_places(place: str, raw: Values) -> None:
    needed = {"file": ("paths",), "journal": ("units", "identifiers"), "container": ("containers",)}
    own = needed[raw["kind"]]
    others = [key for keys in needed.values() for key in keys if key not in own and raw[key]]
    if others:
        raise LogReviewError(f"{place}: {others[0]} does not go with kind {raw['kind']}")
    if raw["kind"] != "journal" and not raw[own[0]]:
        raise LogReviewError(f"{place}: {own[0]} is empty; name at least one")


def _format(place: str, raw: Values) -> Format | None:
    """Return the declared format, None where it is to be found out."""
    levels = _level_map(place, raw["level_map"] or {})
    keys = (raw["timestamp_key"], raw["level_key"], raw["message_key"])
    is_named = keys != ("timestamp", "level", "message")
    if (raw["format"] == "own") != bool(raw["own_format"]):
        raise LogReviewError(f"{place}: format own and own_format go together")
    if is_named and raw["format"] not in ("auto", "json"):
        raise LogReviewError(f"{place}: the keys of a record go with format json")

    if raw["format"] == "own":
        return _own_format(place, raw["own_format"], levels)
    if raw["format"] in ("auto", "text") and not is_named:
        if levels:
            raise LogReviewError(f"{place}: level_map needs a named format")
        return None

    form = FORMATS["json" if is_named else raw["format"]]
    if isinstance(form, TextFormat):
        return TextFormat(**{**vars(form), "levels": {**form.levels, **levels}})

    named = dict(zip(("timestamp", "level", "message"), keys, strict=True)) if is_named else {}

    return JsonFormat(**{**vars(form), **named, "levels": {**form.levels, **levels}})


def _level_map(place: str, raw: Values) -> dict[str, str]:
    for word, level in raw.items():
        if level not in LEVELS:
            raise LogReviewError(
                f"{place}: level_map.{word} is {level!r}; {options.nearest(str(level), LEVELS)}"
            )

    return {str(word).strip().lower(): level for word, level in raw.items()}


def _own_format(place: str, raw: Values, levels: dict[str, str]) -> TextFormat:
    place = f"{place}.own_format"
    more = f"|{raw['continues']}" if raw["continues"] else ""
    parts = {f"lines[{number}]": line for number, line in enumerate(raw["lines"])}
    for key, text in {**parts, "begins": raw["begins"]}.items():
        compiled = _regular(f"{place}.{key}", functools.partial(compile_line, text))
        if key != "begins" and not raw["timestamp"] and "timestamp" not in compiled.groupindex:
            raise LogReviewError(f"{place}.{key} has no group timestamp, such as {{iso}}")

    _regular(f"{place}.continues", lambda: re.compile(raw["continues"]))
    if raw["timestamp"] and not re.search("%[YycsxG]", raw["timestamp"]):
        raise LogReviewError(f"{place}.timestamp is {raw['timestamp']!r}; it needs a year, as %Y")

    base = FORMATS["python"]

    return TextFormat(
        name="own",
        description="",
        lines=tuple(raw["lines"]),
        begins=raw["begins"],
        levels={**base.levels, **levels},
        continues=f"{CONTINUES}{more}",
        timestamp=raw["timestamp"],
    )


def _regular(place: str, compiled: t.Callable[[], t.Any]) -> t.Any:
    try:
        return compiled()
    except re.error as error:
        raise LogReviewError(f"{place} is not a regular expression: {error}") from error


def _question(place: str, raw: Values) -> LogQuestion:
    if not is_window(raw["window"]):
        raise LogReviewError(
            f"{place}: window is {raw['window']!r}; a length such as 24h, or one of "
            f"{', '.join(NAMED)}"
        )

    _check_measure(place, raw)
    plain = ("name", "measure", "window", "secrets", "number", "more_than", "by", "expected")
    limits = ("warning", "critical", "at_least", "trend_percent", "least_events", "show")
    values: dict[str, t.Any] = {
        key: raw[key] for key in (*plain, *limits, "figure", "unit", "advice")
    }
    for key in ("pattern", "exclude", "of"):
        values[key] = _pattern(f"{place}: {key}", raw[key], raw["ignore_case"])

    for key in ("worst_of", "per"):
        values[key] = length(raw[key]) if raw[key] else None

    return LogQuestion(
        **values, levels=frozenset(raw["levels"]), requirements=tuple(raw["requirements"])
    )


def _check_measure(place: str, raw: Values) -> None:
    """Raise LogReviewError where a measure lacks what it needs, or is given what it never reads."""
    measure = raw["measure"]
    needs = {"duration": "number", "ranking": "by", "newest": "pattern"}.get(measure)
    if needs and not raw[needs]:
        raise LogReviewError(f"{place}: measure {measure} needs {needs}")

    readers = {
        "of": ("share",),
        "worst_of": ("share", "count"),
        "per": ("count",),
        "by": ("ranking",),
        "expected": ("newest",),
        "trend_percent": ("duration", "count"),
        "at_least": ("count",),
        "number": ("duration", "count"),
    }
    for key, measures in readers.items():
        if raw[key] not in ("", None) and measure not in measures:
            raise LogReviewError(f"{place}: {key} does not go with measure {measure}")

    if raw["worst_of"]:
        part, whole = length(raw["worst_of"]), length(raw["window"])
        if part is None or whole is None or not 1 <= whole / part <= _MOST_PARTS:
            raise LogReviewError(
                f"{place}: worst_of is {raw['worst_of']!r}; the window must be a length of 1 to "
                f"{_MOST_PARTS} times as much"
            )

    if raw["per"] and (length(raw["window"]) is None or raw["worst_of"] or raw["trend_percent"]):
        raise LogReviewError(
            f"{place}: per needs a window that is a length, and no worst_of or trend_percent"
        )
    if measure == "newest" and not raw["expected"]:
        raise LogReviewError(f"{place}: expected is empty, so every line would do")
    if (raw["more_than"] is not None) != (bool(raw["number"]) and measure == "count"):
        raise LogReviewError(f"{place}: number and more_than go together, with measure count")
    if raw["secrets"] and raw["pattern"]:
        raise LogReviewError(f"{place}: secrets brings its own pattern")


def _pattern(place: str, text: str, ignore_case: bool) -> Pattern | None:
    if not text:
        return None
    if ignore_case and _LITERAL.fullmatch(text) and all(text.split("|")):
        return re.compile(b"|".join(any_case(part) for part in text.split("|")), re.MULTILINE)

    flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)

    return t.cast(Pattern, _regular(place, lambda: re.compile(text.encode(), flags)))
