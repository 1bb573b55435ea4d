# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The processes of Celery on this host, known by their command lines."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Iterator
from pathlib import Path

from ..base.kernel import read_kernel

PROC: t.Final = "/proc"


def is_beat(words: t.Sequence[str], application: str) -> bool:
    """Return whether a command line is that of a beat, or of a worker that has one inside."""
    return _is_of(words, application, {"beat", "-B", "--beat"})


def is_worker(words: t.Sequence[str], application: str) -> bool:
    """Return whether a command line is that of a worker."""
    return _is_of(words, application, {"worker"})


def beats(application: str) -> dict[int, list[str]]:
    """Return the beats with their command lines; raises OSError where /proc is not readable."""
    return _parents_of_none(application, is_beat)


def workers(application: str) -> dict[int, list[str]]:
    """Return the workers with their command lines; raises OSError where /proc is not readable."""
    return _parents_of_none(application, is_worker)


def status_of(pid: int) -> list[str]:
    """Return the fields of a process behind its name; raises OSError."""
    return read_kernel(f"{PROC}/{pid}/stat").rpartition(")")[2].split()


def _is_of(words: t.Sequence[str], application: str, marks: set[str]) -> bool:
    # With setproctitle, Celery puts its arguments into a title with these signs.
    words = [word.strip("[]():") for word in words]
    names = {word.removeprefix("--app=").removeprefix("-A") for word in words}
    has_celery = any(Path(word).name.startswith("celery") for word in words)

    return has_celery and application in names and bool(marks & {*words})


def _parents_of_none(
    application: str, is_one: t.Callable[[t.Sequence[str], str], bool]
) -> dict[int, list[str]]:
    """Return processes with their command lines; those of one worker count once."""
    found = {pid: words for pid, words in _commands() if is_one(words, application)}

    return {pid: words for pid, words in found.items() if _parent(pid) not in found}


def _commands() -> Iterator[tuple[int, list[str]]]:
    """Yield each process with the words of its command line."""
    for entry in os.scandir(PROC):
        if entry.name.isdecimal():
            try:
                # Where a title was set, blanks stand between the words.
                words = read_kernel(f"{PROC}/{entry.name}/cmdline").replace("\0", " ").split()
            except OSError:
                continue  # it has ended

            yield int(entry.name), words


def _parent(pid: int) -> int:
    try:
        return int(status_of(pid)[1])
    except (OSError, IndexError, ValueError):
        return 0
