# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies that earlier recipes left: listed, and the newest read as far as its form allows.

They are no sets: none is counted, restored or deleted. Until the first own set is verified they
are all there is; afterwards a person may remove them.
"""

from __future__ import annotations

import glob
import itertools
import os
import stat
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..base.deadline import Deadline
from ..base.files import open_regular, reason_of
from ..base.postgresql_programs import program_path
from ..base.text import limit_text, visible
from ..findings import LONGEST_LINE, MOST_LINES, Finding, Subject
from . import programs
from .programs import Program, ProgramError

CHECK: t.Final = "backup:legacy"
#: Whoever writes in such a folder could keep a run busy for hours with names.
_MOST: t.Final = 5000
_SQLITE: t.Final = b"SQLite format 3\0"
_NOT_READ: t.Final = "not read"


@dataclass(frozen=True)
class LegacyCopy:
    """A file that a pattern of the profile matches."""

    path: str
    bytes: int
    modified: datetime


def legacy_findings(
    patterns: Sequence[str], has_sets: bool, deadline: Deadline, ids: Sequence[str]
) -> list[Finding]:
    """Return one finding about the copies of all patterns, none without patterns."""
    if not patterns:
        return []

    groups = [_copies(pattern) for pattern in patterns]
    verdicts = {group[-1].path: _verdict(group[-1].path, deadline) for group in groups if group}
    copies = sorted({copy.path: copy for group in groups for copy in group}.items())
    lines = [_line(copy, verdicts.get(path, _NOT_READ)) for path, copy in copies]
    damaged = [path for path, verdict in verdicts.items() if verdict.startswith("damaged")]
    advice = (
        "none is counted or deleted; there is a verified set, so they may be removed by hand"
        if has_sets
        else "none is counted or deleted; there is no verified set yet, so keep them"
    )
    text = f"{len(copies)} copies of earlier recipes are left: {advice}"
    if damaged:
        text = f"{len(damaged)} of the newest are damaged; {text}"

    return [
        Subject(CHECK, tuple(ids)).finding(
            "warning" if damaged and not has_sets else "ok",
            text,
            observed=len(copies),
            lines=lines[-MOST_LINES:],
        )
    ]


def _copies(pattern: str) -> list[LegacyCopy]:
    """Return what a pattern matches, the oldest first."""
    found = []
    for path in itertools.islice(glob.iglob(pattern), _MOST):  # noqa: PTH207 - as a shell does
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            moment = datetime.fromtimestamp(int(status.st_mtime), UTC)
            found.append(LegacyCopy(path, status.st_size, moment))

    return sorted(found, key=lambda copy: (copy.modified, copy.path))


def _line(copy: LegacyCopy, verdict: str) -> str:
    line = f"{visible(copy.path)}: {copy.bytes} bytes of {copy.modified:%Y-%m-%d}, {verdict}"

    return line[:LONGEST_LINE]


def _verdict(path: str, deadline: Deadline) -> str:
    """Return ``whole``, ``damaged: REASON``, or why nothing is known of a file."""
    try:
        with open_regular(path) as stream:
            check = _check_of(path, stream)
            if check is None:
                return "its form cannot be checked"
            problem = check(stream, deadline)
    except TimeoutError:
        return "there was no time to read it"
    except programs.ProgramMissingError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read: {reason_of(error)}"

    return f"damaged: {limit_text(problem, 100)}" if problem else "whole"


def _check_of(path: str, stream: t.BinaryIO) -> Callable[[t.BinaryIO, Deadline], str] | None:
    head = os.pread(stream.fileno(), 16, 0)  # programs read from where the descriptor stands
    suffix = path.rpartition(".")[2]
    checks: dict[str, tuple[bytes, Callable[[t.BinaryIO, Deadline], str]]] = {
        "gz": (b"\x1f\x8b", lambda file, limit: _program_problem(("gzip", "-t"), file, limit)),
        "zst": (b"\x28\xb5", lambda file, limit: _program_problem(("zstd", "-qt"), file, limit)),
        "rdb": (b"REDIS", _rdb_problem),
        "db": (_SQLITE, _sqlite_problem),
        "backup": (b"PGDMP", _dump_problem),
    }
    checks["dump"] = checks["backup"]
    if suffix not in checks:
        return None
    magic, check = checks[suffix]

    return check if head.startswith(magic) else lambda *_: f"it does not begin as .{suffix} does"


def _program_problem(argv: tuple[str, ...], stream: t.BinaryIO, deadline: Deadline) -> str:
    program = Program(argv, programs.harmless())
    try:
        for _ in programs.reading([program], stream.fileno(), deadline):
            pass
    except programs.ProgramMissingError:
        raise
    except ProgramError as error:
        deadline.remaining()
        return str(error)

    return ""


def _dump_problem(stream: t.BinaryIO, deadline: Deadline) -> str:
    argv = (program_path("pg_restore"), "--data-only", "--file=-")

    return _program_problem(argv, stream, deadline)


def _rdb_problem(stream: t.BinaryIO, _: Deadline) -> str:
    """Return whether a snapshot of Redis ends as one does: an end mark, then its checksum."""
    if os.fstat(stream.fileno()).st_size < 18:
        return "it is too short"
    stream.seek(-9, os.SEEK_END)

    return "" if stream.read(1) == b"\xff" else "it is cut short"


def _sqlite_problem(stream: t.BinaryIO, _: Deadline) -> str:
    """Return whether a SQLite file has as many pages as its header says."""
    header = stream.read(100)
    page = int.from_bytes(header[16:18], "big") or 0
    page = 65536 if page == 1 else page
    pages = int.from_bytes(header[28:32], "big")
    size = os.fstat(stream.fileno()).st_size
    if len(header) < 100 or size < page * pages:
        return f"it has {size} bytes instead of {page * pages}"

    return ""
