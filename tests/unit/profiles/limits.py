# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every numeric limit of the shipped profiles, with the status that passing it has."""

from __future__ import annotations

import functools
import typing as t
from collections.abc import Iterator

from tools import PROJECT, guide_figures, profiles

Entry = dict[str, t.Any]
#: Name of a limit in a profile -> the status beyond it.
LEVELS: t.Final = {
    "warning": "warning",
    "critical": "critical",
    "warning_ms": "warning",
    "critical_ms": "critical",
    "warning_percent": "warning",
    "critical_percent": "critical",
    "warning_seconds": "warning",
    "max_new_restarts": "warning",
    "max_restarts": "warning",
    "min_workers": "critical",
    "at_least": "critical",
    "at_most": "critical",
    "trend_percent": "warning",
}


class Limit(t.NamedTuple):
    """One limit of one entry; ``path`` leads to it within the entry."""

    system: str
    place: str
    kind: str
    path: tuple[str | int, ...]
    value: float
    status: str
    entry: Entry

    @property
    def label(self) -> str:
        """The name of the limit in lists and in ids of tests."""
        return "/".join((self.system, self.place, *map(str, self.path)))


@functools.cache
def profile(system: str) -> Entry:
    """Return a shipped profile; nobody may change it."""
    return profiles.load(PROJECT, system)


def health() -> Iterator[Limit]:
    """Yield the limits of health checks."""
    for system in profiles.systems(PROJECT):
        for entry in profile(system)["system_health_checks"]:
            place = f"health_checks/{entry['kind']}:{entry['name']}"
            for path, value in _limits(entry):
                status = _health_status(entry, path)
                yield Limit(system, place, entry["kind"], path, value, status, entry)


def logs() -> Iterator[tuple[Entry, Limit]]:
    """Yield the limits of log reviews, each with the log that it is about."""
    for system in profiles.systems(PROJECT):
        for source in profile(system).get("system_log_reviews", []):
            for entry in source["reviews"]:
                place = f"log_reviews/{source['name']}/{entry['name']}"
                for path, value in _limits(entry):
                    status = "warning" if path[-1] == "at_least" else LEVELS[str(path[-1])]
                    kind = entry.get("measure", "count")
                    yield source, Limit(system, place, kind, path, value, status, entry)


def data() -> Iterator[Limit]:
    """Yield the limits of data quality."""
    for system in profiles.systems(PROJECT):
        for entry in profile(system).get("system_data_quality", []):
            place = f"data_quality/{entry['kind']}:{entry['name']}"
            for path, value in _limits(entry):
                status = LEVELS[str(path[-1])]
                yield Limit(system, place, entry["kind"], path, value, status, entry)


@functools.cache
def guide(system: str) -> dict[str, dict[str, Entry]]:
    """Return what the guides say by place and requirement."""
    places: dict[str, dict[str, Entry]] = {}
    for requirement, row in guide_figures.expected(PROJECT, system)["requirements"].items():
        for entry in row["entries"]:
            places.setdefault(entry["at"], {})[requirement] = {**row, **entry}

    return places


def figure(limit: Limit) -> dict[str, t.Any]:
    """Return the limit as the guides' files have it, by requirement; empty for one of ours.

    It stands with the entry, or with the one within it that has requirements of its own.
    """
    found: dict[str, t.Any] = {}
    at, node = limit.place, t.cast(t.Any, limit.entry)
    for index, step in enumerate(limit.path):
        for requirement, entry in guide(limit.system).get(at, {}).items():
            value = _value(entry.get("values", {}), limit.path[index:])
            found |= {} if value is None else {requirement: value}

        node = node[step]
        if isinstance(step, int):
            at = f"{at}/{node.get('name', step)}"
        elif not isinstance(node, list):
            at = f"{at}/{step}"

    return found


def _value(values: t.Any, path: tuple[str | int, ...]) -> t.Any:
    for step in path:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None

    return values


def _health_status(entry: Entry, path: tuple[str | int, ...]) -> str:
    """Return what a check becomes beyond a limit; its severity is that of its own finding only."""
    status = LEVELS[str(path[-1])]
    if path[0] == "expect":
        status = entry["expect"].get("severity", status)
    elif path[0] == "json":
        status = entry["json"][path[1]].get("severity", status)

    if status == "critical" and path[0] not in ("latency", "queues", "figures"):
        status = entry.get("severity", status)

    return status


def _limits(entry: Entry) -> Iterator[tuple[tuple[str | int, ...], float]]:
    yield from _below((), entry)


def _below(path: tuple[str | int, ...], node: t.Any) -> Iterator[tuple[t.Any, float]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _below((*path, key), value)
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from _below((*path, position), value)
    elif path[-1] in LEVELS and isinstance(node, int | float):
        yield path, node


def numbers(entry: Entry) -> Iterator[tuple[str, float]]:
    """Yield every number of an entry with the path that leads to it."""
    for key, value in entry.items():
        if isinstance(value, dict):
            yield from ((f"{key}/{path}", number) for path, number in numbers(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield key, value
