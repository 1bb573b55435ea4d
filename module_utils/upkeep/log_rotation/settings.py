# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of log_rotation as typed settings, checked for what goes together."""

from __future__ import annotations

import fnmatch
import glob
import itertools
import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..base import options as base_options
from ..base.options import OptionError, entry_place
from ..base.text import duplicates
from .options import OPTIONS, SIGNALS

#: Whoever writes in a log's folder could otherwise keep a run busy for hours with files.
MOST_FILES: t.Final = 5000
CADENCE_DAYS: t.Final = {"daily": 1, "weekly": 7, "monthly": 31}
#: The time is part of the name, so that two rotations on one day never meet. Local time, as
#: logrotate writes it.
DATE_FORMAT: t.Final = "-%Y%m%d-%H%M%S"

_SAMPLE_STAMP: t.Final = "-20000101-000000"
_BRACKETS: t.Final = re.compile(r"\[(.)[^]]*\]")
_WILDCARD: t.Final = re.compile(r"[*?\[]")
_UNIT: t.Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]*\.service")
_SIZE_UNITS: t.Final = {"k": 1024, "M": 1024**2, "G": 1024**3}


class RotationOptionError(OptionError):
    """Options that cannot be used; the message names the log, the value and what to change."""


@dataclass(frozen=True)
class ReopenSignal:
    """The signal that makes one unit open its log files again."""

    unit: str
    signal: str


@dataclass(frozen=True)
class LogSettings:
    """How the files of one log are rotated; sizes are bytes, times are days."""

    name: str
    paths: tuple[str, ...]
    cadence: str
    keep_days: int
    max_size: int | None
    compress_after_days: int
    compression: str
    max_total: int | None
    owner: str
    group: str
    mode: str
    su_user: str
    su_group: str
    copytruncate: bool
    reopen: ReopenSignal | None
    archive: str
    requirements: tuple[str, ...]

    def matches(self) -> dict[str, list[str]]:
        """Return for each pattern the paths that it matches now, in order, at most MOST_FILES."""
        return {pattern: _matching(pattern) for pattern in self.paths}


@dataclass(frozen=True)
class RotationSettings:
    """What one call of log_rotation is to do."""

    logs: tuple[LogSettings, ...]
    config_path: str
    state_path: str
    max_seconds: int


def _matching(pattern: str) -> list[str]:
    found = glob.iglob(pattern)  # noqa: PTH207 - leaves hidden files out, as logrotate does

    return sorted(itertools.islice(found, MOST_FILES))


def parse(values: Mapping[str, t.Any], place: str = "") -> RotationSettings:
    """Return the settings; raises RotationOptionError with a line for each problem.

    ``place`` is where the values stand, for messages.
    """
    try:
        filled = base_options.parse(OPTIONS, values, place)
    except OptionError as error:
        raise RotationOptionError(str(error)) from error

    where = f"{place}.logs" if place else "logs"

    if found := list(_problems(filled["logs"], where)):
        raise RotationOptionError("\n".join(found))

    return RotationSettings(
        tuple(_log(entry) for entry in filled["logs"]),
        filled["config_path"],
        filled["state_path"],
        filled["max_seconds"],
    )


def parse_size(text: str | None) -> int | None:
    """Return the bytes of a size such as ``100M`` as logrotate reads it; None for no limit."""
    if not text:
        return None

    unit = text[-1]

    return int(text[:-1]) * _SIZE_UNITS[unit] if unit in _SIZE_UNITS else int(text)


def _log(entry: Mapping[str, t.Any]) -> LogSettings:
    reopen = entry["reopen"]
    days = ("cadence", "keep_days", "compress_after_days")
    same = ("name", *days, "compression", "owner", "group", "mode")

    return LogSettings(
        **{key: entry[key] for key in same},
        paths=tuple(entry["paths"]),
        max_size=parse_size(entry["max_size"]),
        max_total=parse_size(entry["max_total"]),
        su_user=entry["su_user"] or entry["owner"],
        su_group=entry["su_group"] or entry["group"],
        copytruncate=reopen == "copytruncate",
        reopen=ReopenSignal(reopen["unit"], reopen["signal"]) if isinstance(reopen, dict) else None,
        archive=entry["archive"] or "",
        requirements=tuple(entry["requirements"]),
    )


def _problems(entries: Sequence[Mapping[str, t.Any]], where: str) -> Iterator[str]:
    """Yield what does not fit together, in one entry or between two."""
    for name in duplicates(entry["name"] for entry in entries):
        yield f"{where}: duplicate name '{name}'; give every log a name of its own"

    for position, entry in enumerate(entries):
        place = entry_place(where, entry, position)
        yield from _reopen_problems(entry["reopen"], f"{place}.reopen")

        for path in entry["paths"]:
            yield from _path_problems(path, f"{place}.paths")

    yield from _shared_paths(entries, where)


def _path_problems(path: str, place: str) -> Iterator[str]:
    if ".." in path.split("/") or path.endswith("/"):
        yield f"{place}: {path!r} must name files, without '..'"

    sample = _BRACKETS.sub(r"\1", path) + _SAMPLE_STAMP

    if any(
        fnmatch.fnmatchcase(rotated, path) for rotated in (sample, sample + ".gz", sample + ".zst")
    ):
        yield f"{place}: {path!r} matches its own rotated files; end it in a suffix such as *.log"


def _reopen_problems(value: t.Any, place: str) -> Iterator[str]:
    if value in ("none", "copytruncate"):
        return
    if not isinstance(value, dict) or set(value) != {"unit", "signal"}:
        yield f"{place} is {value!r}; it must be none, copytruncate or a mapping of unit and signal"
        return

    if value["signal"] not in SIGNALS:
        yield f"{place}.signal is {value['signal']!r}; choose one of {list(SIGNALS)}"
    if not isinstance(value["unit"], str) or not _UNIT.fullmatch(value["unit"]):
        yield f"{place}.unit is {value['unit']!r}; it must be the full name of a service unit"


def _shared_paths(entries: Sequence[Mapping[str, t.Any]], where: str) -> Iterator[str]:
    """Yield the paths that are named twice: logrotate would skip one of the two entries whole."""
    named = [(entry["name"], path) for entry in entries for path in entry["paths"]]

    for place, (name, path) in enumerate(named):
        for other_place, (other, pattern) in enumerate(named):
            if place != other_place and not _WILDCARD.search(path) and covers(pattern, path):
                yield f"{where} '{name}'.paths: duplicate file {path!r}, also in log '{other}'"
            elif place < other_place and path == pattern:
                yield f"{where} '{name}'.paths: duplicate pattern {path!r}, also in log '{other}'"


def covers(pattern: str, path: str) -> bool:
    """Return whether a pattern matches a path, component by component as glob does."""
    patterns, parts = pattern.split("/"), path.split("/")

    return len(patterns) == len(parts) and all(map(fnmatch.fnmatchcase, parts, patterns))
