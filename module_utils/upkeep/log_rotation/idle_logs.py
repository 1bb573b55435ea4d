# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotated files that logrotate forgets: of logs that have gone quiet, and of logs that are gone.

logrotate looks at old files only when it rotates their log. A quiet log is not rotated, so its
newest rotated file would stay uncompressed for ever; of a log that is gone nothing would go.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
import subprocess
import typing as t
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ..base import isolated
from . import rotated_files
from .config import ZSTD
from .rotated_files import RotatedFile
from .settings import MOST_FILES, LogSettings, covers

#: What compressing one file may take, s.
COMPRESS_SECONDS: t.Final = 900
_DAY: t.Final = 86400
_PROGRAMS: t.Final = {
    "zstd": (ZSTD, "-q", "-3", "--check", "--rm"),
    "gzip": ("/bin/gzip", "-q"),
}
_ENDINGS: t.Final = {"zstd": ".zst", "gzip": ".gz"}
#: What they say of a file that was not written to its end.
_CUT_SHORT: t.Final = re.compile("premature end|unexpected end")


def vanished(log: LogSettings, live: Collection[str]) -> list[RotatedFile]:
    """Return the rotated files of logs that a pattern matched once and that are gone."""
    found = [
        file
        for pattern in log.paths
        for file in _rotated_beside(pattern)
        if file.log not in live and covers(pattern, file.log)
    ]

    return sorted(set(found), key=lambda file: (file.rotated, file.path))


def _rotated_beside(pattern: str) -> Iterator[RotatedFile]:
    folders = itertools.islice(glob.iglob(str(Path(pattern).parent)), MOST_FILES)  # noqa: PTH207
    for folder in folders:
        paths = rotated_files.entries_of([f"{folder}/x"])
        for entry in itertools.islice(paths, MOST_FILES):
            file = rotated_files.parse_rotated(entry.path)
            if file:
                yield file


def beyond_total(files: Sequence[RotatedFile], most: int | None) -> list[RotatedFile]:
    """Return the oldest files of each log that take more than ``most`` bytes together.

    ``files`` are in the order of their rotation. The newest one of a log always stays.
    """
    gone: list[RotatedFile] = []
    totals: dict[str, int] = {}
    for file in reversed(files if most is not None else ()):
        is_newest = file.log not in totals
        totals[file.log] = totals.get(file.log, 0) + size_of(file)
        if not is_newest and totals[file.log] > (most or 0):
            gone.append(file)

    return gone[::-1]


def size_of(file: RotatedFile) -> int:
    """Return the bytes of a rotated file, 0 for one that is gone."""
    try:
        return os.lstat(file.path).st_size
    except OSError:
        return 0


def uncompressed(log: LogSettings, files: Sequence[RotatedFile], now: float) -> list[RotatedFile]:
    """Return the files that have waited for their compression long enough.

    One that a process still has open for writing waits on.
    """
    if not log.compress_after_days:
        return []

    waited = [
        file
        for file in files
        if not file.compressed and now - file.rotated > log.compress_after_days * _DAY
    ]
    held = rotated_files.held_by_writers({file.path for file in waited}) if waited else set()

    return [file for file in waited if file.path not in held]


def compress(log: LogSettings, files: Sequence[RotatedFile]) -> dict[str, str]:
    """Compress files with the rights of the log's user; return the problem by path."""
    return {file.path: why for file in files if (why := _compressed(log, file))}


def _compressed(log: LogSettings, file: RotatedFile) -> str:
    """Return why a file could not be compressed, '' when it could.

    Both programs refuse links, write beside the file and remove it once they succeeded. What one of
    them left when it was killed is removed first: the file itself is still there.
    """
    packed = rotated_files.parse_rotated(file.path + _ENDINGS[log.compression])
    if packed and _CUT_SHORT.search(_ended(log, "-q", "-t", packed.path)):
        rotated_files.remove([packed], log.su_user)

    return _ended(log, *_PROGRAMS[log.compression][1:], file.path)


def _ended(log: LogSettings, *words: str) -> str:
    """Return why the program that compresses a log failed, '' when it did not."""
    try:
        done = subprocess.run(  # noqa: S603 - an argv list; the path is absolute
            [_PROGRAMS[log.compression][0], *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=COMPRESS_SECONDS,
            check=False,
            **isolated.program_rights(isolated.account_of(log.su_user)),
        )
    except subprocess.TimeoutExpired:
        return f"{log.compression} took more than {COMPRESS_SECONDS} s"
    except (OSError, isolated.IsolatedError) as error:
        return f"{log.compression} cannot be run: {error}"

    lines = done.stderr.strip().splitlines()

    return (
        "" if done.returncode == 0 else (lines[-1] if lines else f"it ended with {done.returncode}")
    )
