# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which model an application says that it uses: the newest line of its log that names one decides, not any line."""

from __future__ import annotations

import os
import re
import typing as t
from pathlib import Path

from ..findings import Finding, finding
from .entries import InUse, Model
from .reading import ReadingError, opened

#: Bytes at the end of a log that are looked at.
TAIL: t.Final = 8 << 20
#: Characters of a line that are searched, and that are shown.
SEARCHED: t.Final = 4096
SHOWN: t.Final = 160


def newest_line(log: Path, pattern: re.Pattern[str]) -> str | None:
    """Return the last line that fits, None when none of the tail does; raises ReadingError."""
    with opened(log, log.parent) as descriptor:
        start = max(os.fstat(descriptor).st_size - TAIL, 0)
        tail = os.pread(descriptor, TAIL, start)
    lines = tail.decode("utf-8", "replace").splitlines()
    return next((line[:SEARCHED] for line in reversed(lines) if pattern.search(line[:SEARCHED])), None)


def in_use_finding(model: Model, in_use: InUse) -> Finding:
    """Return whether the application said last that it uses this model."""
    check = f"model:{model.name}.in_use"
    requirements = in_use.requirements or model.requirements
    try:
        line = newest_line(in_use.log, in_use.pattern)
    except ReadingError as error:
        return finding(check, "unknown", str(error), expected=in_use.expected, requirements=requirements)
    if line is None:
        message = f"No line in the end of '{in_use.log}' says what is in use; has the application been used since?"
        return finding(check, "unknown", message, expected=in_use.expected, requirements=requirements)
    shown = in_use.expected if in_use.expected in line else line.strip()[:SHOWN]
    if in_use.expected in line:
        message = f"The newest line of '{in_use.log}' about it names this model."
        return finding(check, "ok", message, observed=shown, expected=in_use.expected, requirements=requirements)
    message = f"'{in_use.log}' says last that something else is in use; look at the application's start."
    return finding(check, "critical", message, observed=shown, expected=in_use.expected, requirements=requirements)
