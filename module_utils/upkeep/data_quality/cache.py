# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``cache``: pages and the entries that were made of them lie in one folder.

Do they agree, and are they sound?

Read by a process of the folder's owner, regular files only, no links, so that nobody can have it
read something else.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import json
import os
import re
import stat
import time
import typing as t
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..base.isolated import ApartError
from ..findings import Finding
from .settings import Check

#: Bounds of one review: files in the folder, and bytes of one file.
MOST_FILES: t.Final = 20_000
MOST_BYTES: t.Final = 16 * 2**20
#: Files that a message names.
TOLD: t.Final = 3
_DATE: t.Final = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass
class Seen:
    """What was found: file names (or pairs of what differs) by kind of trouble, and how much was looked at."""

    differing: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    odd_pages: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    entries: int = 0
    pairs: int = 0
    pages: int = 0
    unmade: int = 0
    sound: int = 0


def look(check: Check, now: float | None = None) -> Iterator[Finding]:
    """Yield the findings on a folder; raises ApartError when it cannot be listed.

    ``now`` is in seconds since 1970.
    """
    folder = Path(check.place)
    ages = _ages(folder, time.time() if now is None else now)
    seen = _compare(check, folder, ages)
    if seen.unreadable:
        message = f"{_some(seen.unreadable)} could not be read: see owner, mode and size."
        yield check.finding(
            "readable", "unknown", message, observed=len(seen.unreadable), expected=0, unit="files"
        )

    yield _rows(check, seen)
    yield _fields(check, seen)
    if "structure_pattern" in check.options:
        yield _structure(check, seen)

    for kind in check.options.get("life") or ():
        yield _life(check, kind["files"], kind["hours"], ages)


def _ages(folder: Path, now: float) -> dict[str, float]:
    """Return the age (s) of every regular file.

    What is written just now under a hidden name does not count.
    """
    ages: dict[str, float] = {}
    try:
        with os.scandir(folder) as inside:
            for entry in inside:
                if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                    continue
                if len(ages) == MOST_FILES:
                    raise ApartError(
                        f"{str(folder)!r} holds more than {MOST_FILES} files; clean it first"
                    )

                try:
                    ages[entry.name] = now - entry.stat(follow_symlinks=False).st_mtime
                except FileNotFoundError:
                    continue  # removed since it was listed
    except OSError as error:
        raise ApartError(f"{str(folder)!r} cannot be listed: {error.strerror or error}") from error

    return dict(sorted(ages.items()))


def read_text(path: Path) -> str | None:
    """Return a file's text, None when it is no readable regular file of a sane size.

    Never waits for a pipe.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None

    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > MOST_BYTES:
            return None

        try:
            return file.read(MOST_BYTES + 1).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None


def _compare(check: Check, folder: Path, ages: t.Mapping[str, float]) -> Seen:
    options, seen = check.options, Seen()
    row = re.compile(options.get("row_pattern", "<tr>"))
    shape = re.compile(options["structure_pattern"]) if "structure_pattern" in options else None
    pages: dict[str, int] = {}

    for stem, name in _matching(ages, options["pages"]):
        text = read_text(folder / name)
        if text is None:
            seen.unreadable.append(name)
            continue

        seen.pages += 1
        pages[stem] = len(row.findall(text))
        if not pages[stem] or (shape and len(shape.findall(text)) != pages[stem]):
            seen.odd_pages.append(name)

    paired: set[str] = set()

    for stem, name in _matching(ages, options["entries"]):
        text = read_text(folder / name)
        if text is None:
            seen.unreadable.append(name)
            continue

        seen.entries += 1
        items = items_of(text, options["items"])
        faults = (
            ["it is no JSON with a list of that name"]
            if items is None
            else _first_faults(items, options["fields"])
        )
        if faults:
            seen.unlike.append(f"{name} ({faults[0]})")
        else:
            seen.sound += 1

        if stem not in pages:
            seen.alone.append(name)
            continue

        paired.add(stem)
        if items is not None:
            seen.pairs += 1
            if len(items) != pages[stem]:
                seen.differing.append(
                    f"{name} ({pages[stem]} rows, {len(items)} {options['items']})"
                )

    seen.unmade = len(pages.keys() - paired)

    return seen


def _matching(names: t.Iterable[str], pattern: str) -> Iterator[tuple[str, str]]:
    """Yield what stands for the '*' of a pattern, and the name, of each name that fits."""
    before, after = pattern.split("*")
    for name in names:
        if (
            len(name) >= len(before) + len(after)
            and name.startswith(before)
            and name.endswith(after)
        ):
            yield name[len(before) : len(name) - len(after)], name


def items_of(text: str, key: str) -> list[t.Any] | None:
    """Return the list that a JSON object holds under a key; None when there is none."""
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        return None

    items = loaded.get(key) if isinstance(loaded, dict) else None

    return items if isinstance(items, list) else None


def _first_faults(items: t.Sequence[t.Any], fields: t.Mapping[str, str]) -> list[str]:
    """Return what is wrong with the first item that does not hold what it must."""
    for number, item in enumerate(items):
        faults = faults_of(item, fields)
        if faults:
            return [f"item {number}: {fault}" for fault in faults]

    return []


def faults_of(item: t.Any, fields: t.Mapping[str, str]) -> list[str]:
    """Return what an item lacks or holds of another type."""
    if not isinstance(item, dict):
        return ["it is no object"]

    faults = []

    for name, kind in fields.items():
        if name not in item:
            faults.append(f"{name} is missing")
        elif not _CHECKS[kind](item[name]):
            faults.append(f"{name} is no {kind}")

    return faults


def _is_number(value: t.Any) -> bool:
    """Return whether a value is a number, also one that was kept as text."""
    if isinstance(value, str):
        try:
            return value.strip() == value and abs(float(value)) < float("inf")
        except ValueError:
            return False

    return (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
    )


def _is_date(value: t.Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False

    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False

    return True


def _is_time(value: t.Any) -> bool:
    try:
        return isinstance(value, str) and dt.datetime.fromisoformat(value) is not None
    except ValueError:
        return False


_CHECKS: t.Final[dict[str, Callable[[t.Any], bool]]] = {
    "text": lambda value: isinstance(value, str) and bool(value.strip()),
    "number": _is_number,
    "whole": lambda value: _is_number(value) and float(value).is_integer(),
    "flag": lambda value: isinstance(value, bool),
    "date": _is_date,
    "time": _is_time,
    "list": lambda value: isinstance(value, list),
    "mapping": lambda value: isinstance(value, dict),
}


def _rows(check: Check, seen: Seen) -> Finding:
    items = check.options["items"]
    if seen.differing:
        message = f"Page and entry disagree: {_some(seen.differing)}. Invalidate them and run the scraper with validation."
        count = len(seen.differing)
        return check.finding(
            "rows", "warning", message, observed=count, expected=0, unit="pairs that differ"
        )

    if not seen.pairs:
        message = f"No page with its {items} is in {check.place!r}, so nothing could be compared."
        return check.finding("rows", "unknown", message)

    alone = f" Not compared: {len(seen.alone)} entries without a page, {seen.unmade} pages without an entry."
    message = f"{seen.pairs} pages have as many rows as their entries have {items}."
    message += alone if seen.alone or seen.unmade else ""

    return check.finding("rows", "ok", message, observed=0, expected=0, unit="pairs that differ")


def _fields(check: Check, seen: Seen) -> Finding:
    if not seen.entries:
        return check.finding(
            "fields", "unknown", f"No entry {check.options['entries']!r} is in {check.place!r}."
        )

    share = round(100 * seen.sound / seen.entries, 1)
    if seen.unlike:
        message = f"Not as it must be: {_some(seen.unlike)}. Invalidate it, and see whether the site has changed."
        return check.finding(
            "fields", "warning", message, observed=share, expected=100, unit="% of entries fit"
        )

    message = f"All {seen.entries} entries hold what they must."

    return check.finding(
        "fields", "ok", message, observed=share, expected=100, unit="% of entries fit"
    )


def _structure(check: Check, seen: Seen) -> Finding:
    if seen.odd_pages:
        message = f"{_some(seen.odd_pages)} does not look as the scraper knows it: see whether the site has changed."
        return check.finding(
            "structure", "warning", message, observed=len(seen.odd_pages), expected=0, unit="pages"
        )

    if not seen.pages:
        return check.finding(
            "structure", "unknown", f"No page {check.options['pages']!r} is in {check.place!r}."
        )

    message = f"All {seen.pages} pages look as the scraper knows them."

    return check.finding("structure", "ok", message, observed=0, expected=0, unit="pages")


def _life(check: Check, pattern: str, hours: float, ages: t.Mapping[str, float]) -> Finding:
    """Return how many files are beyond their life time: no fault, since whoever reads them fetches them anew."""
    mine = [age for name, age in ages.items() if fnmatch.fnmatchcase(name, pattern)]
    over = sum(age > hours * 3600 for age in mine)
    told = f"{over} of {len(mine)} entries {pattern!r} are older than {hours:g} h"
    if over:
        message = f"{told}; the next run of their scraper makes them anew."
        return check.finding(
            "life", "info", message, of=pattern, observed=over, expected=0, unit="entries"
        )

    return check.finding(
        "life", "ok", f"{told}.", of=pattern, observed=over, expected=0, unit="entries"
    )


def _some(names: t.Sequence[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return ", ".join(names[:TOLD]) + more
