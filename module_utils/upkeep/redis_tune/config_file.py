# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What redis.conf and the files that it includes say: the values after a restart, and where."""

from __future__ import annotations

import glob
import shlex
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..base.files import read_text, reason_of

MAX_BYTES: t.Final = 1 << 20
#: More files than this is a loop of includes.
MAX_FILES: t.Final = 64
MAX_DEPTH: t.Final = 16


class ConfigFileError(Exception):
    """A file that cannot be read or followed; the message names it."""


@dataclass(frozen=True)
class ConfigLine:
    """A directive in a file; ``value`` is its arguments, separated by blanks.

    ``follows_include`` is whether an include comes before it in the same file.
    """

    path: str
    number: int
    name: str
    value: str
    follows_include: bool = False

    @property
    def place(self) -> str:
        """File and line, for people."""
        return f"{self.path}:{self.number}"


def read_config(path: str) -> list[ConfigLine]:
    """Return the directives in the order in which Redis applies them; raises ConfigFileError."""
    files = 0

    def lines(name: str, depth: int) -> Iterator[ConfigLine]:
        nonlocal files
        files += 1
        if files > MAX_FILES or depth > MAX_DEPTH:
            raise ConfigFileError(f"{path} includes too many files")

        has_included = False
        for line in _parsed(name):
            if line.name != "include":
                yield replace(line, follows_include=has_included)
                continue

            for included in _included(line):
                has_included = True
                yield from lines(included, depth + 1)

    return list(lines(path, 0))


def deciding_line(lines: t.Iterable[ConfigLine], name: str) -> ConfigLine | None:
    """Return the line that decides a directive, with the value that counts; None without one."""
    found = [line for line in lines if line.name == name]
    if not found:
        return None
    if name != "save":
        return found[-1]

    # Several lines add up; an empty one forgets those before it, and so does each one that follows
    # an include, at whose end Redis believes that it has read its file.
    value = ""
    for line in found:
        forgets = line.follows_include or not line.value
        value = line.value if forgets else f"{value} {line.value}".strip()

    last = found[-1]

    return replace(last, value=value)


def _parsed(path: str) -> Iterator[ConfigLine]:
    try:
        text = read_text(path, MAX_BYTES, trusted_links=True, errors="surrogateescape")
    except OSError as error:
        raise ConfigFileError(f"{path} cannot be read: {reason_of(error)}") from error

    for number, raw in enumerate(text.split("\n"), start=1):
        stripped = raw.strip()
        if stripped and not stripped.startswith("#"):
            words = _words(stripped)
            yield ConfigLine(path, number, words[0].lower(), " ".join(words[1:]).strip())


def _words(line: str) -> list[str]:
    """Return the arguments of a line; quotes and escapes as Redis has them, but for hexadecimal."""
    try:
        return shlex.split(line) or [line]
    except ValueError:
        return line.split()


def _included(line: ConfigLine) -> list[str]:
    """Return the files that an include names, in the order in which Redis takes them."""
    if not line.value.startswith("/"):
        raise ConfigFileError(
            f"{line.place} includes a path that is not absolute, so that it depends on how Redis is"
            " started"
        )
    if glob.has_magic(line.value):
        return sorted(glob.glob(line.value))  # noqa: PTH207 - Redis sorts texts, not paths

    return [line.value]
