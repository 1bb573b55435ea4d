# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which model an application says that it uses: the newest line of its log that names one decides, not any line.

An application says so when it starts. When the log has been rotated since, the line stands in a
rotated file.
"""

from __future__ import annotations

import collections
import gzip
import itertools
import os
import re
import typing as t
import zlib
from pathlib import Path

from ..findings import Finding, finding
from .reading import BLOCK, ReadingError, opened
from .settings import InUse, Model

#: Bytes at the end of a log that are looked at.
TAIL: t.Final = 8 << 20
#: Bytes that a compressed log may give, unpacked; what comes after them is not looked at.
UNPACKED: t.Final = 512 << 20
#: Rotated files that are looked at, the newest first.
ROTATED: t.Final = 12
#: Characters of a line that are searched, and that are shown.
SEARCHED: t.Final = 4096
SHOWN: t.Final = 160


def newest_line(log: Path, pattern: re.Pattern[str]) -> str | None:
    """Return the last line that fits of the log, or of the newest rotated file that has one.

    None when none has.

    Raises ReadingError when the log itself cannot be read.
    """
    line = _last(_tail(log), pattern)

    for path in rotated(log) if line is None else ():
        try:
            line = _last(_unpacked(path) if path.suffix == ".gz" else _tail(path), pattern)
        except (ReadingError, OSError, EOFError, zlib.error):
            continue  # a rotated file may be compressed or removed at any time; an older one is as good
        if line is not None:
            break

    return line


def rotated(log: Path) -> list[Path]:
    """Return what a rotation has made of a log (name.1, name-20260131, with .gz), the newest first."""
    own = re.compile(re.escape(log.name) + r"[.-]\d[\d-]*(\.gz)?")
    found: list[tuple[float, Path]] = []
    with os.scandir(log.parent) as entries:
        for entry in entries:
            if own.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                found.append((entry.stat(follow_symlinks=False).st_mtime, log.parent / entry.name))

    return [path for _, path in sorted(found, reverse=True)[:ROTATED]]


def _tail(log: Path) -> bytes:
    with opened(log, log.parent) as descriptor:
        return os.pread(descriptor, TAIL, max(os.fstat(descriptor).st_size - TAIL, 0))


def _unpacked(log: Path) -> bytes:
    """Return the end of what a compressed log holds, of the first 512 MiB."""
    with opened(log, log.parent) as packed, gzip.open(os.fdopen(os.dup(packed), "rb")) as plain:
        blocks = itertools.islice(iter(lambda: plain.read(BLOCK), b""), UNPACKED // BLOCK)
        return b"".join(collections.deque(blocks, maxlen=TAIL // BLOCK))


def _last(content: bytes, pattern: re.Pattern[str]) -> str | None:
    lines = content.decode("utf-8", "replace").splitlines()
    return next(
        (line[:SEARCHED] for line in reversed(lines) if pattern.search(line[:SEARCHED])), None
    )


def in_use_finding(model: Model, in_use: InUse) -> Finding:
    """Return whether the application said last that it uses this model."""
    check = f"model:{model.name}.in_use"
    requirements = in_use.requirements or model.requirements
    try:
        line = newest_line(in_use.log, in_use.pattern)
    except ReadingError as error:
        return finding(
            check, "unknown", str(error), expected=in_use.expected, requirements=requirements
        )

    if line is None:
        message = f"No line of '{in_use.log}' or what was rotated says what is in use; has it been started since?"
        return finding(
            check, "unknown", message, expected=in_use.expected, requirements=requirements
        )

    shown = in_use.expected if in_use.expected in line else line.strip()[:SHOWN]
    if in_use.expected in line:
        message = f"The newest line of '{in_use.log}' about it names this model."
        return finding(
            check,
            "ok",
            message,
            observed=shown,
            expected=in_use.expected,
            requirements=requirements,
        )

    message = (
        f"'{in_use.log}' says last that something else is in use; look at the application's start."
    )

    return finding(
        check,
        "critical",
        message,
        observed=shown,
        expected=in_use.expected,
        requirements=requirements,
    )
