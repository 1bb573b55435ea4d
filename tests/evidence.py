# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests saw of the shipped profiles: a line for each requirement that a finding carries.

A test that makes findings from a shipped profile hands them to ``add``. The lines of a run are
collected where UPKEEP_EVIDENCE says; ``python -m tools.evidence_lines`` compares them with
tests/evidence.csv, and adds new ones.
"""

from __future__ import annotations

import csv
import os
import re
import typing as t
from collections.abc import Iterable, Mapping
from pathlib import Path

#: Folder that collects the lines of a run, one file a process.
FOLDER: t.Final = "UPKEEP_EVIDENCE"
_PARAMETERS = re.compile(r"\[.*$")


def add(system: str, findings: Iterable[Mapping[str, t.Any]], figure: str = "") -> None:
    """Keep that this test saw findings that a shipped profile asks for.

    ``figure`` is what was held against the guide; without one, what the finding expects. A finding
    that could not be judged shows nothing.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return

    test = _PARAMETERS.sub("", os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0])
    lines = sorted(
        {
            (requirement, found["check"], figure or _expected(found), test)
            for found in findings
            if found["status"] != "unknown"
            for requirement in found["requirements"]
            if requirement.startswith(f"R-{system}-")
        }
    )
    path = Path(folder) / f"{os.getpid()}.csv"
    with path.open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)


def _expected(found: Mapping[str, t.Any]) -> str:
    expected = found.get("expected")

    return "" if expected is None else " ".join(str(expected).split())
