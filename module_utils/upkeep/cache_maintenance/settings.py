# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what keeping caches takes; ``parse`` is the one way to it."""

from __future__ import annotations

import os
import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import json_items, options
from ..base.redis_client import RedisLogin, redis_login
from ..base.text import duplicates
from ..findings import Subject
from .options import OPTIONS, SWITCHES

ALL: t.Final = "all"
_ASPECTS: t.Final = ("hits", "size", "age", "valid", "lifetimes", "emptying")
_LISTS: t.Final = ("file_caches", "redis_caches", "warmings", "scrapers", "leftovers")


class SettingsError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class EntryClass:
    """Entries of one kind: their names, their lifetime in seconds, and what makes one valid."""

    name: str
    files: str
    seconds: float
    key: str | None
    row_pattern: str | None
    structure_pattern: str | None
    items: str | None
    fields: Mapping[str, str]
    pages: str | None
    json: bool
    changed_field: str | None
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class FileCache:
    """A folder of cached files."""

    name: str
    folder: str
    root: str
    classes: tuple[EntryClass, ...]
    max_files: int
    aspects: Mapping[str, Mapping[str, t.Any]]
    requirements: tuple[str, ...]

    def subject(self, aspect: str = "", of: str = "") -> Subject:
        """Return what a finding on an aspect of the cache, or of one of its classes, is about."""
        ids = [one.requirements for one in self.classes if one.name == of]

        return _subject(self, aspect, of, ids)


@dataclass(frozen=True)
class KeyPattern:
    """Keys of Redis that the application can make again; times are seconds."""

    name: str
    pattern: str
    life: int | None
    sweep_idle: float | None
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class RedisCache:
    """Cached keys of one database of a server."""

    name: str
    login: RedisLogin
    database: int
    patterns: tuple[KeyPattern, ...]
    protected: tuple[str, ...]
    max_latency: float
    max_seconds: int
    aspects: Mapping[str, Mapping[str, t.Any]]
    requirements: tuple[str, ...]

    def subject(self, aspect: str = "", of: str = "") -> Subject:
        """Return what a finding on an aspect of the cache, or of one pattern, is about."""
        ids = [one.requirements for one in self.patterns if one.name == of]

        return _subject(self, aspect, of, ids)


@dataclass(frozen=True)
class Warming:
    """A program that fills a cache; times are seconds."""

    name: str
    user: str
    folder: str
    argv: tuple[str, ...]
    restart_argv: tuple[str, ...]
    environment_file: str | None
    redis_cache: str | None
    every: float
    pause: float
    max_seconds: int
    restart_requirements: tuple[str, ...]
    requirements: tuple[str, ...]

    @property
    def subject(self) -> Subject:
        """What a finding on the warming is about."""
        ids = (*self.requirements, *self.restart_requirements)

        return Subject(f"warming:{self.name}", ids)


@dataclass(frozen=True)
class Switch:
    """An environment variable that a scraper gets for one run."""

    variable: str
    value: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A site or service that a scraper needs."""

    name: str
    url: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Scraper:
    """A unit that fills a file cache from other sites; times are seconds."""

    name: str
    unit: str
    file_cache: str | None
    due_classes: tuple[str, ...]
    sources: tuple[Source, ...]
    switches: Mapping[str, Switch]
    pause: float
    max_seconds: int
    triggers: Mapping[str, t.Any] | None
    requirements: tuple[str, ...]

    def subject(self, switches: Sequence[str] = (), is_trigger: bool = False) -> Subject:
        """Return what a finding on a run with these switches is about."""
        ids = [one for name in switches for one in self.switches[name].requirements]
        ids += self.triggers["requirements"] if self.triggers and is_trigger else ()

        return Subject(f"scraper:{self.name}", tuple(dict.fromkeys([*self.requirements, *ids])))


@dataclass(frozen=True)
class Leftovers:
    """Files that tests leave behind below a folder; ``seconds`` is their least age."""

    name: str
    root: str
    files: str
    seconds: float
    keep: frozenset[str]
    requirements: tuple[str, ...]

    @property
    def subject(self) -> Subject:
        """What a finding on the files is about."""
        return Subject(f"leftovers:{self.name}", self.requirements)


@dataclass(frozen=True)
class CacheSettings:
    """All that one call of the module is given."""

    file_caches: tuple[FileCache, ...]
    redis_caches: tuple[RedisCache, ...]
    warmings: tuple[Warming, ...]
    scrapers: tuple[Scraper, ...]
    leftovers: tuple[Leftovers, ...]
    work: frozenset[str]
    empty: tuple[str, ...]
    run: tuple[str, ...]
    switches: tuple[str, ...]
    forbidden: str
    require_acceptance: bool
    accepted_file: Path
    state_file: str
    timeout: float
    max_seconds: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing concerns this host."""
        return not any(getattr(self, name) for name in _LISTS)


def parse(values: Mapping[str, t.Any]) -> CacheSettings:
    """Return the settings for the values of the options; raises SettingsError."""
    try:
        filled = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise SettingsError(str(error)) from None

    if problems := list(_problems(filled)):
        raise SettingsError("\n".join(problems))

    here = {name: _concerning(filled[name], filled["components"]) for name in _LISTS}

    return CacheSettings(
        file_caches=tuple(map(_file_cache, here["file_caches"])),
        redis_caches=tuple(map(_redis_cache, here["redis_caches"])),
        warmings=tuple(map(_warming, here["warmings"])),
        scrapers=tuple(map(_scraper, here["scrapers"])),
        leftovers=tuple(map(_leftovers, here["leftovers"])),
        work=frozenset(filled["work"]),
        **{name: tuple(filled[name]) for name in ("empty", "run", "switches")},
        forbidden=filled["forbidden"],
        require_acceptance=filled["require_acceptance"],
        accepted_file=Path(filled["accepted_file"]),
        state_file=filled["state_file"],
        timeout=filled["timeout"],
        max_seconds=filled["max_seconds"],
    )


def _concerning(
    entries: Sequence[Mapping[str, t.Any]], components: Sequence[str] | None
) -> list[Mapping[str, t.Any]]:
    return [
        entry
        for entry in entries
        if components is None or entry["component"] is None or entry["component"] in components
    ]


def _subject(
    cache: FileCache | RedisCache, aspect: str, of: str, ids: Sequence[tuple[str, ...]]
) -> Subject:
    """Return the subject with the ids of the part and of the aspect, else those of the cache."""
    part = f"[{of}]" if of else ""
    check = f"cache:{cache.name}{part}" + (f".{aspect}" if aspect else "")
    own = [*(ids[0] if ids else ()), *cache.aspects.get(aspect, {}).get("requirements", ())]

    return Subject(check, tuple(dict.fromkeys(own)) or cache.requirements)


def _aspects(entry: Mapping[str, t.Any]) -> dict[str, Mapping[str, t.Any]]:
    return {name: entry[name] for name in _ASPECTS if entry.get(name) is not None}


def _file_cache(entry: Mapping[str, t.Any]) -> FileCache:
    return FileCache(
        name=entry["name"],
        folder=entry["folder"],
        root=entry["root"],
        classes=tuple(map(_class, entry["classes"])),
        max_files=entry["max_files"],
        aspects=_aspects(entry),
        requirements=tuple(entry["requirements"]),
    )


def _class(entry: Mapping[str, t.Any]) -> EntryClass:
    given = {key: value for key, value in entry.items() if key not in ("hours", "requirements")}

    return EntryClass(
        **given, seconds=entry["hours"] * 3600, requirements=tuple(entry["requirements"])
    )


def _redis_cache(entry: Mapping[str, t.Any]) -> RedisCache:
    return RedisCache(
        name=entry["name"],
        login=redis_login(entry),
        database=entry["database"],
        patterns=tuple(
            KeyPattern(
                one["name"],
                one["pattern"],
                one["life_seconds"],
                one["sweep_idle_hours"] and one["sweep_idle_hours"] * 3600,
                tuple(one["requirements"]),
            )
            for one in entry["patterns"]
        ),
        protected=tuple(entry["protected"]),
        max_latency=entry["max_latency_ms"] / 1000,
        max_seconds=entry["max_seconds"],
        aspects=_aspects(entry),
        requirements=tuple(entry["requirements"]),
    )


def _warming(entry: Mapping[str, t.Any]) -> Warming:
    same = ("name", "user", "folder", "environment_file", "redis_cache", "max_seconds")

    return Warming(
        **{key: entry[key] for key in same},
        argv=tuple(entry["argv"]),
        restart_argv=tuple((entry["restart"] or {}).get("argv", ())),
        restart_requirements=tuple((entry["restart"] or {}).get("requirements", ())),
        requirements=tuple(entry["requirements"]),
        every=entry["every_hours"] * 3600,
        pause=entry["min_minutes"] * 60,
    )


def _scraper(entry: Mapping[str, t.Any]) -> Scraper:
    return Scraper(
        **{key: entry[key] for key in ("name", "unit", "file_cache", "max_seconds", "triggers")},
        due_classes=tuple(entry["due_classes"]),
        sources=tuple(
            Source(one["name"], one["url"], tuple(one["requirements"])) for one in entry["sources"]
        ),
        switches={
            name: Switch(one["variable"], one["value"], tuple(one["requirements"]))
            for name in SWITCHES
            if (one := entry[name]) is not None
        },
        pause=entry["min_minutes"] * 60,
        requirements=tuple(entry["requirements"]),
    )


def _leftovers(entry: Mapping[str, t.Any]) -> Leftovers:
    return Leftovers(
        name=entry["name"],
        root=entry["root"],
        files=entry["files"],
        seconds=entry["min_hours"] * 3600,
        keep=frozenset(entry["keep"]),
        requirements=tuple(entry["requirements"]),
    )


def _problems(filled: Mapping[str, t.Any]) -> Iterator[str]:
    for list_name in _LISTS:
        for name in duplicates(entry["name"] for entry in filled[list_name]):
            yield f"{list_name}: duplicate name '{name}'; give each entry a name of its own"

    caches = [*filled["file_caches"], *filled["redis_caches"]]
    for name in duplicates(entry["name"] for entry in caches):
        yield f"redis_caches: '{name}' is a file cache already; give each cache its own name"

    for entry in filled["file_caches"]:
        yield from _file_cache_problems(entry, f"file_caches '{entry['name']}'")
    for entry in filled["redis_caches"]:
        place = f"redis_caches '{entry['name']}'"
        for name in duplicates(one["name"] for one in entry["patterns"]):
            yield f"{place}.patterns: duplicate name '{name}'; give each pattern its own"
        if entry["username"] and not entry["password"]:
            yield f"{place}.username needs a password"
        if entry["ca_file"] and not entry["tls"]:
            yield f"{place}.ca_file needs tls: true"

    yield from _reference_problems(filled)
    yield from _demand_problems(filled)


def _file_cache_problems(entry: Mapping[str, t.Any], place: str) -> Iterator[str]:
    root, folder = (os.path.normpath(entry[key]) for key in ("root", "folder"))
    if root == "/" or root == folder or not Path(folder).is_relative_to(root):
        yield f"{place}.folder is {folder!r}; it must lie below its root {root!r}, which is not /"
    for name in duplicates(one["name"] for one in entry["classes"]):
        yield f"{place}.classes: duplicate name '{name}'; give each class a name of its own"
    if entry["hits"]:
        groups = yield from _pattern_problems(entry["hits"]["pattern"], f"{place}.hits.pattern")
        if groups is not None and not {"hits", "lookups"} <= groups.groupindex.keys():
            yield f"{place}.hits.pattern needs the groups 'hits' and 'lookups'"

    for one in entry["classes"]:
        yield from _class_problems(one, f"{place}.classes '{one['name']}'")


def _class_problems(one: Mapping[str, t.Any], place: str) -> Iterator[str]:
    for key in ("row_pattern", "structure_pattern", "key"):
        compiled = (yield from _pattern_problems(one[key], f"{place}.{key}")) if one[key] else None
        if key == "key" and compiled is not None and compiled.groups != 1:
            yield f"{place}.key has {compiled.groups} groups; it must have one"

    if one["structure_pattern"] and not one["row_pattern"]:
        yield f"{place}.structure_pattern needs a row_pattern"
    if one["fields"] and not one["items"]:
        yield f"{place}.fields needs items, the name of the list"
    if one["pages"] and (one["files"].count("*") != 1 or not one["items"]):
        yield f"{place}.pages needs items, and files with one '*'"
    for name, kind in one["fields"].items():
        if kind not in json_items.TYPES:
            yield f"{place}.fields.{name} is {kind!r}; choose one of {', '.join(json_items.TYPES)}"


def _pattern_problems(text: str, place: str) -> t.Generator[str, None, re.Pattern[str] | None]:
    try:
        return re.compile(text)
    except re.error as error:
        yield f"{place} {text!r} is not a regular expression: {error}"
        return None


def _reference_problems(filled: Mapping[str, t.Any]) -> Iterator[str]:
    redis = [entry["name"] for entry in filled["redis_caches"]]
    classes = {entry["name"]: entry["classes"] for entry in filled["file_caches"]}
    for entry in filled["warmings"]:
        place = f"warmings '{entry['name']}'"
        if entry["redis_cache"] and entry["redis_cache"] not in redis:
            yield f"{place}.redis_cache is {entry['redis_cache']!r}; name one of redis_caches"
        if entry["restart"] and not entry["redis_cache"]:
            yield f"{place}.restart needs a redis_cache whose restart is noticed"

    for entry in filled["scrapers"]:
        place = f"scrapers '{entry['name']}'"
        name = entry["file_cache"]
        if name is not None and name not in classes:
            yield f"{place}.file_cache is {name!r}; name one of file_caches"
            continue

        known = [one["name"] for one in classes.get(name, ())]
        for wrong in [one for one in entry["due_classes"] if one not in known]:
            yield f"{place}.due_classes: {options.nearest(wrong, known)} ({wrong!r})"
        if entry["triggers"] and not (entry["refresh"] and name):
            yield f"{place}.triggers needs refresh and a file_cache"


def _demand_problems(filled: Mapping[str, t.Any]) -> Iterator[str]:
    known = list(targets(filled))
    for name in filled["empty"]:
        if name not in known:
            yield f"empty: {name!r}; {options.nearest(name, known)}"

    named = [entry["name"] for key in ("scrapers", "warmings") for entry in filled[key]]
    for name in filled["run"]:
        if name not in named:
            yield f"run: {name!r}; {options.nearest(name, named)}"

    if filled["switches"] and not filled["run"]:
        yield "switches needs run, the names of the scrapers that get them"
    for entry in filled["scrapers"]:
        for switch in filled["switches"] if entry["name"] in filled["run"] else ():
            if not entry[switch]:
                yield f"switches: scraper '{entry['name']}' has no switch {switch!r}"


def targets(filled: Mapping[str, t.Any]) -> Iterator[str]:
    """Yield what can be emptied: all, a cache, or a class or pattern of one."""
    yield ALL
    for list_name, inner in (("file_caches", "classes"), ("redis_caches", "patterns")):
        for entry in filled[list_name]:
            yield entry["name"]
            yield from (f"{entry['name']}.{one['name']}" for one in entry[inner])
