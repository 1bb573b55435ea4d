# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is asked: sources (logs) and the reviews of each, checked before anything is read."""

from __future__ import annotations

import math
import re
import typing as t
from dataclasses import dataclass

from ..base.text import duplicates
from ..cadence import CADENCES, due_in
from .errors import LogReviewError
from .layout import LEVELS, any_case
from .windows import is_window, length

_NAME: t.Final = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_LITERAL: t.Final = re.compile(r"[\w |:/-]+", re.ASCII)
_UNIT: t.Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@\\-]*\.[a-z]+", re.ASCII)
_WORDS: t.Final = re.compile(r"[^\x00-\x1f]+")
_MOST_PARTS: t.Final = 1000
GROUPS: t.Final = ("hour", "level", "message")

Pattern = re.Pattern[bytes]


@dataclass(frozen=True)
class Review:
    """One question to one log.

    Patterns fit bytes; limits are the largest values that are still right.

    ``worst_of`` in seconds: the window is cut into parts of that length, of which the worst is
    judged.
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
    number: str
    more_than: float | None
    by: str
    expected: str
    figure: str
    unit: str
    warning: float | None
    critical: float | None
    at_least: float | None
    trend_percent: float | None
    least_events: int
    show: int
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """One log: files, units of the journal, or containers; ``silent_after`` in seconds."""

    name: str
    kind: str
    paths: tuple[str, ...]
    units: tuple[str, ...]
    identifiers: tuple[str, ...]
    containers: tuple[str, ...]
    format: str
    time_zone: str
    timestamp_key: str
    level_key: str
    message_key: str
    fields: tuple[str, ...]
    silent_after: float | None
    unit: str
    optional: bool
    reviews: tuple[Review, ...]
    requirements: tuple[str, ...]


def parse_sources(
    raw: t.Sequence[dict[str, t.Any]],
    components: t.Collection[str] | None = None,
    cadence: str = "",
) -> list[Source]:
    """Return the sources that a host has and a cadence wants; raises LogReviewError.

    A source all of whose reviews belong to other cadences is left out. ``components`` None stands
    for all.
    """
    if cadence and cadence not in CADENCES:
        raise LogReviewError(f"cadence is {cadence!r}; use one of {', '.join(CADENCES)}, or none")

    parsed = [_source({**entry, "reviews": _here(entry["reviews"], "")}) for entry in raw]
    _require_unique("sources", [source.name for source in parsed])
    kept = [
        _source({**entry, "reviews": reviews})
        for entry in _here(raw, cadence)
        if (reviews := _here(entry["reviews"], cadence)) or not entry["reviews"]
    ]
    present = {entry["name"] for entry in raw if _is_here(entry["component"], components)}

    return [source for source in kept if source.name in present]


def _here(entries: t.Sequence[dict[str, t.Any]], cadence: str) -> list[dict[str, t.Any]]:
    try:
        return due_in(({**entry} for entry in entries), cadence)
    except ValueError as error:
        raise LogReviewError(str(error)) from error


def _is_here(component: str, components: t.Collection[str] | None) -> bool:
    return not component or components is None or component in components


def _require_unique(place: str, names: list[str]) -> None:
    if again := duplicates(names):
        raise LogReviewError(
            f"{place}: {again[0]!r} stands there twice; give each a name of its own"
        )


def _source(raw: t.Mapping[str, t.Any]) -> Source:
    name = raw["name"]
    if not _NAME.fullmatch(name):
        raise LogReviewError(
            f"sources: name {name!r} may hold only lower case letters, digits, dash and underscore"
        )

    _check_places(name, raw)
    reviews = tuple(_review(name, review) for review in raw["reviews"])
    _require_unique(f"source {name!r}", ["format", *(review.name for review in reviews)])

    for review in raw["reviews"]:
        if review["window"] == "since_start" and not raw["unit"]:
            raise LogReviewError(
                f"source {name!r}: window since_start needs the unit whose start is meant"
            )

    if raw["unit"] and not _UNIT.fullmatch(raw["unit"]):
        raise LogReviewError(
            f"source {name!r}: unit {raw['unit']!r} is no name such as shop-api.service"
        )
    if raw["fields"] and raw["format"] != "json":
        raise LogReviewError(
            f"source {name!r}: fields are those of JSON records; set format to json"
        )

    silent = raw["silent_after"]
    if silent and length(silent) is None:
        raise LogReviewError(f"source {name!r}: silent_after {silent!r} is no length such as 26h")

    plain = (
        "name",
        "kind",
        "format",
        "time_zone",
        "unit",
        "optional",
        "timestamp_key",
        "level_key",
        "message_key",
    )
    lists = ("paths", "units", "identifiers", "containers", "fields", "requirements")
    values: dict[str, t.Any] = {key: raw[key] for key in plain} | {
        key: tuple(raw[key]) for key in lists
    }

    return Source(**values, silent_after=length(silent) if silent else None, reviews=reviews)


def _check_places(name: str, raw: t.Mapping[str, t.Any]) -> None:
    needed = {"file": ("paths",), "journal": ("units", "identifiers"), "container": ("containers",)}
    own = needed[raw["kind"]]
    strange = [key for keys in needed.values() for key in keys if key not in own and raw[key]]
    if strange:
        raise LogReviewError(f"source {name!r}: {strange[0]} does not go with kind {raw['kind']}")
    if raw["kind"] != "journal" and not raw[own[0]]:
        raise LogReviewError(f"source {name!r}: {own[0]} is empty; name at least one")

    for path in raw["paths"]:
        if not path.startswith("/") or "\0" in path or path.endswith("/"):
            raise LogReviewError(
                f"source {name!r}: path {path!r} must begin with / and name a file"
            )

    for unit in raw["units"]:
        if not _UNIT.fullmatch(unit):
            raise LogReviewError(
                f"source {name!r}: unit {unit!r} is no name such as shop-api.service"
            )

    for word in (*raw["identifiers"], *raw["containers"]):
        if not _WORDS.fullmatch(word):
            raise LogReviewError(f"source {name!r}: {word!r} holds characters that no name has")


def _review(source: str, raw: t.Mapping[str, t.Any]) -> Review:
    name = raw["name"]
    place = f"source {source!r}, review {name!r}"
    if not _NAME.fullmatch(name):
        raise LogReviewError(
            f"{place}: the name may hold only lower case letters, digits, dash and underscore"
        )
    if not is_window(raw["window"]):
        raise LogReviewError(
            f"{place}: window {raw['window']!r} is neither a length such as 24h nor a named window"
        )

    strange = sorted(set(raw["levels"]) - set(LEVELS))
    if strange:
        raise LogReviewError(f"{place}: level {strange[0]!r} is none of {', '.join(LEVELS)}")

    _check_measure(place, raw)
    for key in ("warning", "critical", "at_least", "more_than", "trend_percent"):
        if raw[key] is not None and not (math.isfinite(raw[key]) and raw[key] >= 0):
            raise LogReviewError(f"{place}: {key} is {raw[key]}; give a number of at least 0")

    if not 0 <= raw["show"] <= 1000 or raw["least_events"] < 1:
        raise LogReviewError(f"{place}: show must be 0 to 1000 and least_events at least 1")

    plain = (
        "name",
        "measure",
        "window",
        "secrets",
        "number",
        "more_than",
        "by",
        "expected",
        "figure",
        "unit",
    )
    limits = ("warning", "critical", "at_least", "trend_percent", "least_events", "show")
    values: dict[str, t.Any] = {key: raw[key] for key in (*plain, *limits)}
    for key in ("pattern", "exclude", "of"):
        values[key] = _pattern(place, key, raw[key], raw["ignore_case"])

    values["worst_of"] = length(raw["worst_of"]) if raw["worst_of"] else None

    return Review(
        **values, levels=frozenset(raw["levels"]), requirements=tuple(raw["requirements"])
    )


def _check_measure(place: str, raw: t.Mapping[str, t.Any]) -> None:
    """Raise LogReviewError where a key is missing that a measure needs, or one is given that it never reads."""
    measure = raw["measure"]
    needs = {"duration": "number", "ranking": "by", "newest": "pattern"}.get(measure)
    if needs and not raw[needs]:
        raise LogReviewError(f"{place}: measure {measure} needs {needs}")

    readers = {
        "of": ("share",),
        "worst_of": ("share",),
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
                f"{place}: worst_of {raw['worst_of']!r} must be a length such as 5m, and the window one that is "
                f"1 to {_MOST_PARTS} times as long"
            )

    if measure == "newest" and not raw["expected"]:
        raise LogReviewError(f"{place}: expected is empty, so every line would do")
    if (raw["more_than"] is not None) != (bool(raw["number"]) and measure == "count"):
        raise LogReviewError(f"{place}: number and more_than go together, with measure count")
    if raw["secrets"] and raw["pattern"]:
        raise LogReviewError(f"{place}: secrets brings its own pattern")


def _pattern(place: str, key: str, text: str, ignore_case: bool) -> Pattern | None:
    if not text:
        return None
    if ignore_case and _LITERAL.fullmatch(text) and all(text.split("|")):
        return re.compile(b"|".join(any_case(part) for part in text.split("|")), re.MULTILINE)

    try:
        return re.compile(text.encode(), re.MULTILINE | (re.IGNORECASE if ignore_case else 0))
    except re.error as error:
        raise LogReviewError(f"{place}: {key} {text!r} is no expression: {error}") from error
