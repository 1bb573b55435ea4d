# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put single errors into copies of the shipped profiles and count which the guides' figures find.

``python -m tools.profile_errors [--all]``: a wrong figure, severity, window or pattern, an entry
that is gone, a cadence that is left out, a job that no longer runs. Nothing is written. Exit code 1
when an error goes unseen that is not listed in ``UNSEEN``.
"""

from __future__ import annotations

import argparse
import copy
import random
import re
import sys
import typing as t
from collections.abc import Callable, Iterator, Mapping

from tools import PROJECT, guide_figures, profiles

#: Without ``--all``: errors of each sort and system, drawn from a fixed seed.
SAMPLE: t.Final = 8
SEED: t.Final = 20261127
#: Errors that the figures cannot find, each with its reason: ``system place sort``.
UNSEEN: t.Final[Mapping[str, str]] = {}

_DURATION = re.compile(r"(\d+)([smhd])")
_Path = tuple[t.Any, ...]


class ProfileError(t.NamedTuple):
    """One error: where it is, what sort it is of, and the profile that has it."""

    system: str
    place: str
    sort: str
    profile: guide_figures.Values

    @property
    def label(self) -> str:
        """The name of the error in lists."""
        return f"{self.system} {self.place} {self.sort}"


def errors(system: str) -> Iterator[ProfileError]:
    """Yield every single error for one system."""
    shipped = profiles.load(PROJECT, system)
    for path, value in _leaves(shipped):
        for sort, wrong in _wrong_values(path[-1], value):
            yield ProfileError(system, _place(path), sort, _with(shipped, path, wrong))

    for path in _entries(shipped):
        yield ProfileError(system, _place(path), "entry removed", _without(shipped, path))

    for cadence, jobs in shipped["system_jobs"].items():
        for job in jobs:
            left = [other for other in jobs if other != job]
            path = ("system_jobs", cadence)
            yield ProfileError(
                system, f"{_place(path)}/{job}", "job removed", _with(shipped, path, left)
            )


def sample(found: list[ProfileError], chosen: random.Random) -> list[ProfileError]:
    """Return some errors of each sort."""
    sorts = sorted({error.sort for error in found})
    groups = [[error for error in found if error.sort == sort] for sort in sorts]

    return [error for group in groups for error in chosen.sample(group, min(SAMPLE, len(group)))]


def unseen(found: list[ProfileError]) -> list[str]:
    """Return the labels of the errors that no figure of the guides finds."""
    return [
        error.label
        for error in found
        if not guide_figures.differences(PROJECT, error.system, error.profile)
    ]


def _leaves(profile: guide_figures.Values) -> Iterator[tuple[_Path, t.Any]]:
    """Yield path and value of every figure within an entry that carries requirement ids."""
    for variable in guide_figures.JOBS:
        yield from _below((variable,), profile.get(variable), traced=False)


def _below(path: _Path, node: t.Any, *, traced: bool) -> Iterator[tuple[_Path, t.Any]]:
    if isinstance(node, dict):
        # An entry within another one answers for itself.
        traced = bool(node.get("requirements")) or (traced and "name" not in node)
        for key, value in node.items():
            if key not in ("requirements", "name", "title"):
                yield from _below((*path, key), value, traced=traced)
    elif isinstance(node, list):
        for position, item in enumerate(node):
            yield from _below((*path, position), item, traced=traced)
    elif traced:
        yield path, node


def _entries(profile: guide_figures.Values) -> Iterator[_Path]:
    for variable in guide_figures.JOBS:
        yield from _traced_entries((variable,), profile.get(variable))


def _traced_entries(path: _Path, node: t.Any) -> Iterator[_Path]:
    if isinstance(node, dict):
        if node.get("requirements") and len(path) > 1:
            yield path
        for key, value in node.items():
            yield from _traced_entries((*path, key), value)
    elif isinstance(node, list):
        for position, item in enumerate(node):
            yield from _traced_entries((*path, position), item)


def _wrong_values(key: t.Any, value: t.Any) -> Iterator[tuple[str, t.Any]]:
    if isinstance(value, bool):
        yield "switch turned", not value
    elif isinstance(value, int | float):
        yield "figure raised", value * 2 + 1
        yield "figure lowered", value / 2 - 1
    elif isinstance(value, str):
        duration = _DURATION.fullmatch(value)
        if duration:
            yield "window changed", f"{int(duration[1]) * 2}{duration[2]}"
        elif key in ("warning", "critical", "severity"):
            yield "severity changed", "info"
        elif key in guide_figures.CADENCES or value in guide_figures.CADENCES:
            yield "cadence changed", "quarterly" if value != "quarterly" else "daily"
        else:
            yield "text broken", f"{value}x"


def _with(profile: guide_figures.Values, path: _Path, value: t.Any) -> guide_figures.Values:
    changed = copy.deepcopy(profile)
    place: t.Any = changed
    for part in path[:-1]:
        place = place[part]

    place[path[-1]] = value

    return changed


def _without(profile: guide_figures.Values, path: _Path) -> guide_figures.Values:
    changed = copy.deepcopy(profile)
    place: t.Any = changed
    for part in path[:-1]:
        place = place[part]

    del place[path[-1]]

    return changed


def _place(path: _Path) -> str:
    return "/".join(str(part) for part in path).removeprefix("system_")


def main(argv: list[str] | None = None) -> int:
    """Try the errors and print how many were found; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.profile_errors", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every error, not a sample")
    every = parser.parse_args(argv).all

    chosen = random.Random(SEED)  # noqa: S311 - a fixed sample, nothing secret
    find: Callable[[list[ProfileError]], list[ProfileError]] = (
        list if every else lambda found: sample(found, chosen)
    )
    tried = 0
    missed: list[str] = []
    for system in profiles.systems(PROJECT):
        found = find(list(errors(system)))
        tried += len(found)
        missed += [label for label in unseen(found) if label not in UNSEEN]

    for label in missed:
        print(f"not found: {label}")

    print(f"{tried - len(missed)} of {tried} errors found, {len(UNSEEN)} cannot be")

    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
