# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a log is written: what a format declares, and how its lines and levels are read."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..times import SHAPES

LEVELS: t.Final = ("debug", "info", "warning", "error", "critical")
#: Names of levels, and the letters and short forms that loggers use for them.
LEVEL_NAMES: t.Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("debug", "dbg", "trace", "trc", "notset", "verbose", "fine", "finer"), "debug"
    ),
    **dict.fromkeys(("info", "inf", "notice", "information", "informational", "success"), "info"),
    **dict.fromkeys(("warning", "warn", "wrn"), "warning"),
    **dict.fromkeys(("error", "err", "eror", "severe", "failure"), "error"),
    **dict.fromkeys(
        ("critical", "crit", "fatal", "ftl", "emerg", "emergency", "alert", "panic"), "critical"
    ),
}
LEVEL_LETTERS: t.Final[Mapping[str, str]] = {
    "d": "debug",
    "i": "info",
    "w": "warning",
    "e": "error",
    "f": "critical",
    "c": "critical",
}
_WORDS: t.Final = "|".join(sorted(LEVEL_NAMES, key=lambda name: (-len(name), name)))
_COLOUR: t.Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
#: Levels of the priorities 0 to 7 of syslog.
PRIORITIES: t.Final = (
    "critical",
    "critical",
    "critical",
    "error",
    "warning",
    "info",
    "info",
    "debug",
)
#: Lines that go on with an event: indented or empty ones, tracebacks of several languages, what
#: databases and frameworks add to an exception.
CONTINUES: t.Final = (
    r"[ \t]|$|Traceback |During handling of |The above exception |Caused by|Exception Group"
    r"|\.\.\. \d+ more|at [\w.$<]|[})\]\"']|#\d+ |\[(?:stacktrace|SQL:|parameters:|previous )"
    r"|\(Background on this error|(?:DETAIL|HINT|CONTEXT|QUERY|STATEMENT|LINE \d+): ?|goroutine "
    r"|[\w.$]{1,200}(?:Error|Exception|Warning|Interrupt|Exit|Timeout|Failure|DoesNotExist)(?::|$)"
    r"|[-=*+~^]{3,}|[A-Za-z_][\w.]{0,200}\.[A-Z]\w{1,100}(?::|$)"
)
Levels = Mapping[str, str]


@dataclass(frozen=True)
class TextFormat:
    """Lines of text.

    ``lines`` are regular expressions of a whole event's first line, tried in turn, with named
    groups: timestamp, level, message, and any others. ``{iso}``, ``{day_first}``, ``{asctime}``,
    ``{no_year}`` and ``{unix}`` stand for a timestamp of that shape, ``{level}`` for a level's name
    in any case, ``{LEVEL}`` for one in capitals. A group ``priority`` holds a number of syslog.
    ``begins`` is what the first line of an event begins with, ``bare`` are lines without a
    timestamp, for the journal and containers, which keep the time themselves.
    """

    name: str
    description: str
    lines: tuple[str, ...]
    begins: str
    bare: tuple[str, ...] = ()
    levels: Levels = field(default_factory=lambda: LEVEL_NAMES)
    continues: str = CONTINUES
    timestamp: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class JsonFormat:
    """JSON records, one a line; names of fields, where a dot leads into a nested record.

    ``level`` is empty where records have none. ``only_with`` are fields that tell this format from
    others of the same names.
    """

    name: str
    description: str
    timestamp: str
    level: str
    message: str
    levels: Levels = field(default_factory=lambda: {**LEVEL_NAMES, **LEVEL_LETTERS})
    only_with: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


Format = TextFormat | JsonFormat


def compile_line(pattern: str, named: bool = True) -> re.Pattern[bytes]:
    """Return the expression of a format with its placeholders filled in."""
    for name, shape in SHAPES.items():
        group = f"(?P<timestamp>{shape})" if named else f"(?:{shape})"
        pattern = pattern.replace("{" + name + "}", group)

    start = "(?P<level>" if named else "(?:"
    pattern = pattern.replace("{level}", f"{start}(?i:{_WORDS}))")
    pattern = pattern.replace("{LEVEL}", f"{start}{_WORDS.upper()})")

    return re.compile(pattern.encode())


def level_name(value: t.Any, levels: Levels) -> str:
    """Return the level that a value means, "" for none: a name, a letter or a number."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)

    return levels.get(_COLOUR.sub("", str(value)).strip().lower(), "")


def any_case(literal: str) -> bytes:
    """Return an expression for a text in any case; the flag for it is ten times slower."""
    parts = []
    for letter in literal:
        both = {letter.lower(), letter.upper()}
        plain = len(both) == 2 and letter.isascii()
        parts.append(f"[{letter.lower()}{letter.upper()}]" if plain else re.escape(letter))

    return "".join(parts).encode()
