# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which requirements were seen in findings that tests made from the shipped profiles.

tests/evidence.csv has a line for each (id, check, figure, test). ``python -m tools.evidence_lines``
runs nothing: it takes the lines of the last ``make unit`` or ``make test`` and adds those that are
new. A line that a run did not see again fails that run; what a test has stopped to show is removed
by hand, or with ``--drop``.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import typing as t
from collections.abc import Collection, Iterable
from pathlib import Path

from tools import PROJECT

FILE: t.Final = "tests/evidence.csv"
#: Where the processes of a run leave their lines.
FOLDER: t.Final = ".cache/evidence"


class Line(t.NamedTuple):
    """One requirement that a test saw in a finding made from a shipped profile."""

    id: str
    check: str
    figure: str
    test: str


def committed(project: Path) -> list[Line]:
    """Return the lines of tests/evidence.csv."""
    path = project / FILE
    if not path.exists():
        return []

    with path.open(encoding="utf-8", newline="") as stream:
        return [Line(**row) for row in csv.DictReader(stream)]


def seen(project: Path) -> set[Line]:
    """Return the lines that the processes of the last run left."""
    found: set[Line] = set()
    for path in (project / FOLDER).glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            found |= {Line(*row) for row in csv.reader(stream)}

    return found


def unseen(project: Path, folders: Collection[str]) -> list[Line]:
    """Return the committed lines of tests in these folders that the last run did not see."""
    found = seen(project)

    return [
        line
        for line in committed(project)
        if line not in found and any(line.test.startswith(f"{name}/") for name in folders)
    ]


def start(project: Path) -> Path:
    """Return the folder for the lines of a run, empty."""
    folder = project / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    return folder


def write(project: Path, lines: Iterable[Line]) -> None:
    """Write tests/evidence.csv, sorted, so that neither time nor order changes it."""
    with (project / FILE).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(Line._fields)
        writer.writerows(sorted(set(lines)))


def main(argv: list[str] | None = None) -> int:
    """Add what the last run saw; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.evidence_lines", description=__doc__)
    parser.add_argument(
        "--drop", action="store_true", help="also remove what the last run, of all, did not see"
    )
    drop = parser.parse_args(argv).drop

    before, now = set(committed(PROJECT)), seen(PROJECT)
    if not now:
        print("the last run left no lines; run `make unit` first", file=sys.stderr)
        return 1

    after = now if drop else before | now
    write(PROJECT, after)
    print(f"{len(after - before)} lines added, {len(before - after)} removed, {len(after)} in all")

    return 0


if __name__ == "__main__":
    sys.exit(main())
