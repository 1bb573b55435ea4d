# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``cache``: do pages in a folder agree with the entries that were made of them?

Only regular files are read, by a process of the folder's owner, and no link is followed: nobody can
have something else read.
"""

from __future__ import annotations

import fnmatch
import os
import re
import time
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...base import files
from ...base import json_items as items
from ...base.isolated import IsolatedError
from ...base.options import Options, option
from ...base.text import list_some, visible
from ...findings import Finding, Limits
from ..check import DataCheck, Kind

#: Bounds of one check: files in the folder, and bytes of one file.
MOST_FILES: t.Final = 20_000
MOST_BYTES: t.Final = 16 * 2**20
#: Files that a message names.
NAMED: t.Final = 3

DESCRIPTION: t.Final = "compares pages in a folder with the entries that were made of them"
OPTIONS: t.Final[Options] = {
    "folder": option("str", "Folder that holds the files.", pattern=r"/[^\n]*"),
    "pages": option(
        "str",
        "File name with one C(*), for the pages.",
        required=True,
        pattern=r"[^*/]*\*[^*/]*",
        why="a file name with one '*', such as calendar_*.html",
    ),
    "entries": option(
        "str",
        "File name with one C(*), for what was made of the pages. Both C(*) stand for the same "
        "text in a page and its entry.",
        required=True,
        pattern=r"[^*/]*\*[^*/]*",
        why="a file name with one '*', such as calendar_*.json",
    ),
    "items": option("str", "Name of the list in an entry, a JSON object.", required=True),
    "fields": option(
        "dict",
        "Names that each item must have, to C(text), C(number), C(whole), C(flag), C(date), "
        "C(time), C(list) or C(mapping).",
        required=True,
    ),
    "row_pattern": option("str", "Regular expression for a row of a page.", default="<tr>"),
    "structure_pattern": option(
        "str",
        "Regular expression that fits every row of a page as long as the site looks as it did.",
    ),
    "life": option(
        "list",
        "How long files are valid.",
        elements="dict",
        options={
            "files": option("str", "Shell pattern of their names.", required=True),
            "hours": option("float", "Hours.", required=True, above=0),
        },
    ),
}


@dataclass
class Comparison:
    """What was found: names of files with each kind of trouble, and how much was compared."""

    differing: list[str] = field(default_factory=list)
    without_page: list[str] = field(default_factory=list)
    unfit: list[str] = field(default_factory=list)
    odd_pages: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    entries: int = 0
    pairs: int = 0
    pages: int = 0
    without_entry: int = 0
    fit: int = 0


def probe(check: DataCheck, folder: Path, now: float | None = None) -> Iterator[Finding]:
    """Yield the findings on a folder; raises IsolatedError when it cannot be listed.

    ``now`` is in seconds since 1970.
    """
    ages = _ages(folder, time.time() if now is None else now)
    seen = _compare(check, folder, ages)
    if seen.unreadable:
        yield check.finding(
            "unknown",
            f"{_named(seen.unreadable)} cannot be read: check owner, mode and size.",
            aspect="readable",
            observed=len(seen.unreadable),
            expected=0,
            unit="files",
        )

    yield _rows(check, seen)
    yield _fields(check, seen)
    if check.options["structure_pattern"]:
        yield _structure(check, seen)
    for life in check.options["life"] or ():
        yield _life(check, life["files"], life["hours"], ages)


def _ages(folder: Path, now: float) -> dict[str, float]:
    """Return the age (s) of every regular file; hidden ones are being written and do not count."""
    ages: dict[str, float] = {}
    try:
        with os.scandir(folder) as inside:
            for entry in inside:
                if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                    continue
                if len(ages) == MOST_FILES:
                    raise IsolatedError(
                        f"{str(folder)!r} holds more than {MOST_FILES} files; clean it first"
                    )

                try:
                    ages[entry.name] = now - entry.stat(follow_symlinks=False).st_mtime
                except FileNotFoundError:
                    continue  # removed since it was listed
    except OSError as error:
        raise IsolatedError(
            f"{str(folder)!r} cannot be listed: {error.strerror or error}"
        ) from error

    return dict(sorted(ages.items()))


def read_text(folder: Path, name: str) -> str | None:
    """Return a file's text, None when it is not a readable regular file of a sane size.

    Never follows a link or waits for a pipe. A page may be in any encoding that keeps ASCII, such
    as ISO 8859-1: what is searched for in it is ASCII.
    """
    try:
        return files.read_text(folder / name, MOST_BYTES, root=folder, errors="surrogateescape")
    except OSError:
        return None


def _compare(check: DataCheck, folder: Path, ages: Mapping[str, float]) -> Comparison:
    seen = Comparison()
    rows = _read_pages(check, folder, ages, seen)
    paired: set[str] = set()

    for stem, name in _matching(ages, check.options["entries"]):
        text = read_text(folder, name)
        if text is None:
            seen.unreadable.append(name)
            continue

        seen.entries += 1
        found = items.of(text, check.options["items"])
        _judge_entry(check, name, found, seen)
        if stem not in rows:
            seen.without_page.append(name)
            continue

        paired.add(stem)
        if found is not None:
            seen.pairs += 1
            if len(found) != rows[stem]:
                counts = f"{rows[stem]} rows, {len(found)} {check.options['items']}"
                seen.differing.append(f"{name} ({counts})")

    seen.without_entry = len(rows.keys() - paired)

    return seen


def _read_pages(
    check: DataCheck, folder: Path, names: t.Iterable[str], seen: Comparison
) -> dict[str, int]:
    """Return the number of rows of each page by what its '*' stands for."""
    row = re.compile(check.options["row_pattern"])
    shape = re.compile(check.options["structure_pattern"] or "")
    rows: dict[str, int] = {}

    for stem, name in _matching(names, check.options["pages"]):
        text = read_text(folder, name)
        if text is None:
            seen.unreadable.append(name)
            continue

        seen.pages += 1
        rows[stem] = len(row.findall(text))
        if not rows[stem] or (shape.pattern and len(shape.findall(text)) != rows[stem]):
            seen.odd_pages.append(name)

    return rows


def _judge_entry(check: DataCheck, name: str, found: list[t.Any] | None, seen: Comparison) -> None:
    fault = "it is not a JSON object in UTF-8 with a list of that name"
    if found is not None:
        fault = items.first_fault(found, check.options["fields"])

    if fault:
        seen.unfit.append(f"{name} ({fault})")
    else:
        seen.fit += 1


def _matching(names: t.Iterable[str], pattern: str) -> Iterator[tuple[str, str]]:
    """Yield what stands for the '*' of a pattern, and the name, of each name that fits."""
    before, after = pattern.split("*")
    for name in names:
        long_enough = len(name) >= len(before) + len(after)
        if long_enough and name.startswith(before) and name.endswith(after):
            yield name[len(before) : len(name) - len(after)], name


def _rows(check: DataCheck, seen: Comparison) -> Finding:
    listed = check.options["items"]
    if not seen.differing and not seen.pairs:
        message = f"No page with its {listed} is in {check.place!r}, so nothing was compared."
        return check.finding("unknown", message, aspect="rows")

    message = f"{seen.pairs} pages have as many rows as their entries have {listed}"
    if seen.differing:
        message = f"Page and entry differ in {_named(seen.differing)}"
    elif seen.without_page or seen.without_entry:
        message += f"; not compared: {len(seen.without_page)} entries without a page, "
        message += f"{seen.without_entry} pages without an entry"

    return _counted(
        check,
        "rows",
        len(seen.differing),
        message,
        "invalidate them and run the scraper with validation",
        "pairs that differ",
    )


def _fields(check: DataCheck, seen: Comparison) -> Finding:
    if not seen.entries:
        message = f"No entry {check.options['entries']!r} is in {check.place!r}."
        return check.finding("unknown", message, aspect="fields")

    message = f"All {seen.entries} entries hold the fields they must"
    if seen.unfit:
        message = f"Fields are missing or wrong in {_named(seen.unfit)}"

    return check.subject("fields").measured(
        round(100 * seen.fit / seen.entries, 1),
        Limits(warning=100, side="below"),
        message,
        "invalidate it, and check whether the site has changed",
        aspect="fields",
        unit="% of entries fit",
        status="warning" if seen.unfit else "ok",
    )


def _structure(check: DataCheck, seen: Comparison) -> Finding:
    if not seen.pages:
        message = f"No page {check.options['pages']!r} is in {check.place!r}."
        return check.finding("unknown", message, aspect="structure")

    message = f"All {seen.pages} pages have the structure that the scraper knows"
    if seen.odd_pages:
        message = f"{_named(seen.odd_pages)}: not the structure that the scraper knows"

    return _counted(
        check,
        "structure",
        len(seen.odd_pages),
        message,
        "check whether the site has changed",
        "pages",
    )


def _counted(
    check: DataCheck, aspect: str, count: int, message: str, advice: str, unit: str
) -> Finding:
    """Return the finding for a number of faults, of which there should be none."""
    return check.subject(aspect).measured(
        count, Limits(warning=0), message, advice, aspect=aspect, unit=unit
    )


def _life(check: DataCheck, pattern: str, hours: float, ages: Mapping[str, float]) -> Finding:
    """Return how many files are past their life: no fault, since readers fetch those anew."""
    mine = [age for name, age in ages.items() if fnmatch.fnmatchcase(name, pattern)]
    over = sum(age > hours * 3600 for age in mine)
    message = f"{over} of {len(mine)} entries {pattern!r} are older than {hours:g} h"

    return check.finding(
        "info" if over else "ok",
        f"{message}; the next run of their scraper replaces them." if over else f"{message}.",
        aspect="life",
        of=pattern,
        observed=over,
        expected=0,
        unit="entries",
    )


def _named(names: Sequence[str]) -> str:
    return list_some([visible(name) for name in names], NAMED)


def _validate(check: DataCheck) -> Iterator[str]:
    for key in ("row_pattern", "structure_pattern"):
        pattern = check.options[key] or ""
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{key} {pattern!r} is not a regular expression: {error}"

    for name, kind in check.options["fields"].items():
        if kind not in items.TYPES:
            yield f"fields.{name} is {kind!r}; choose one of {', '.join(items.TYPES)}"


def _describe(entry: Mapping[str, t.Any]) -> str:
    return f"`{entry['pages']}` against `{entry['entries']}` in `{entry['folder']}`, and their age"


KIND: t.Final = Kind(
    prefix="cache",
    description=DESCRIPTION,
    options=OPTIONS,
    aspects={"rows": None, "fields": None, "structure": None, "life": None},
    probe=probe,
    describe=_describe,
    validate=_validate,
)
