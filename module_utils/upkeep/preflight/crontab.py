# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read crontabs and logrotate files as cron and logrotate read them: text in, entries out."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass

#: cron itself takes commands of 1000 characters; what comes after this is not looked at.
LONGEST_LINE: t.Final = 4096
_FIELD = r"[0-9A-Za-z*/,~-]+"
_ASSIGNMENT = re.compile(r"""\s*(?:[A-Za-z_][A-Za-z0-9_]*|"[^"]*"|'[^']*')\s*=""")
_TIMES = re.compile(rf"\s*(?P<when>{_FIELD}(?:\s+{_FIELD}){{4}})\s+(?P<rest>\S.*)")
_NICKNAME = re.compile(
    r"\s*(?P<when>@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly))"
    r"\s+(?P<rest>\S.*)",
    re.IGNORECASE,
)
_USER = re.compile(r"(?P<user>\S+)\s+(?P<command>\S.*)")
_INCLUDE: t.Final = "include"
_NAME: t.Final = re.compile(r"""\"[^"]*\"|'[^']*'|[^\s{"']+""")
_SECTION_END: t.Final = re.compile(r"(?:^|\s)\}")
_SCRIPT_START: t.Final = ("prerotate", "postrotate", "firstaction", "lastaction", "preremove")


@dataclass(frozen=True)
class CrontabJob:
    """One line of a crontab; ``line`` counts from 0, ``user`` is empty in a user's own crontab."""

    line: int
    when: str
    user: str
    command: str


def crontab_jobs(text: str, with_user: bool) -> list[CrontabJob]:
    """Return the jobs of a crontab.

    ``with_user`` for /etc/crontab and /etc/cron.d, which name a user on each line.

    Comments, empty lines, assignments and lines that cron would refuse are left out.
    """
    jobs = (_job(number, line, with_user) for number, line in enumerate(text.split("\n")))
    return [job for job in jobs if job is not None]


def _job(number: int, line: str, with_user: bool) -> CrontabJob | None:
    line = line[:LONGEST_LINE]
    if not line.strip() or line.lstrip().startswith("#") or _ASSIGNMENT.match(line):
        return None

    match = _NICKNAME.fullmatch(line) or _TIMES.fullmatch(line)
    if match is None:
        return None
    if not with_user:
        return CrontabJob(number, match["when"], "", match["rest"].strip())

    owner = _USER.fullmatch(match["rest"])

    return (
        CrontabJob(number, match["when"], owner["user"], owner["command"].strip())
        if owner
        else None
    )


def script_lines(text: str) -> list[str]:
    """Return the lines of a script or configuration file that are neither empty nor comments."""
    lines = (line[:LONGEST_LINE].strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def logrotate_sections(text: str) -> list[str]:
    """Return for each section of a logrotate file its list of names, in one line each."""
    return [" ".join(names) for names in _logrotate_entries(text) if names[0] != _INCLUDE]


def logrotate_names(text: str) -> list[str]:
    """Return the logs that a logrotate file names, and what it includes: all that it works on."""
    names = [name for entry in _logrotate_entries(text) for name in entry if name != _INCLUDE]

    return [name.strip("\"'") for name in names]


def _logrotate_entries(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the names of each section as they are written, and ``include`` with its path."""
    names: list[str] = []
    inside = in_script = False

    for line in map(str.strip, text.split("\n")):
        rest = "" if line.startswith("#") else line
        if in_script:
            in_script, rest = not rest.startswith("endscript"), ""

        while rest:
            if inside:
                in_script = rest.split()[0] in _SCRIPT_START
                end = None if in_script else _SECTION_END.search(rest)
                inside, rest = end is None, rest[end.end() :].strip() if end else ""
            elif rest.startswith("{"):
                if names:
                    yield tuple(names)
                names, inside, rest = [], True, rest[1:].strip()
            elif names or rest.startswith(("/", '"', "'", "~")):
                word = _NAME.match(rest)
                name = word[0] if word else rest
                names.append(name)
                rest = rest[len(name) :].strip()
            else:
                directive, _, value = rest.partition(" ")
                if directive == _INCLUDE:
                    yield directive, value.strip()
                rest = ""
