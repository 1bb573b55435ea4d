# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A checksum of code: it changes when somebody changes a file by hand."""

from __future__ import annotations

import hashlib
import stat
import typing as t
from collections.abc import Iterable

from ..base import isolated
from ..base.trees import TreeWalk

#: What interpreters write beside the code.
LEFT_OUT: t.Final = ("__pycache__", "*.pyc", ".pytest_cache", ".git")
#: Seconds for all code of a host.
_SECONDS: t.Final = 120.0
_BLOCK: t.Final = 1 << 20


class DigestError(Exception):
    """Code that cannot be read; the message says why."""


def digests(paths: Iterable[str], seconds: float = _SECONDS) -> dict[str, str]:
    """Return the checksum of every file and link below the paths; raises DigestError."""
    wanted = list(paths)
    found, problem = isolated.run(lambda: _entries(wanted), seconds, limits=isolated.PARSING)
    if problem:
        raise DigestError(problem)

    return dict(found)


def summed(files: dict[str, str]) -> str:
    """Return one checksum for all files."""
    lines = "".join(f"{digest} {path}\n" for path, digest in sorted(files.items()))

    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return what was changed, added and removed, as a line each."""
    return sorted(
        [f"{path} changed" for path in before.keys() & now.keys() if before[path] != now[path]]
        + [f"{path} added" for path in now.keys() - before.keys()]
        + [f"{path} removed" for path in before.keys() - now.keys()]
    )


def _entries(paths: list[str]) -> t.Iterator[tuple[str, str]]:
    for path in paths:
        for entry in TreeWalk(LEFT_OUT).entries(path):
            name = entry.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            if entry.target:
                yield name, f"-> {entry.target}"
            elif entry.stream is not None:
                runs = "x" if entry.status.st_mode & stat.S_IXUSR else "-"
                yield name, f"{runs}{_content(entry.stream)}"


def _content(stream: t.BinaryIO) -> str:
    summed_up = hashlib.sha256()
    while block := stream.read(_BLOCK):
        summed_up.update(block)

    return summed_up.hexdigest()
