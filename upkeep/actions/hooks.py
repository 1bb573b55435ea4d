# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs that others give us to silence alerts, announce a change and call a person.

Each is called on the controller with five words: the hook, the run id, the system, the end of the
change (UTC) and what is done, or what went wrong.
"""

from __future__ import annotations

import os
import stat
import subprocess
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upkeep.run import clean

SILENCE: t.Final = "silence"
HOOKS: t.Final = ("announce", SILENCE, "escalate")
#: Seconds that a program may take.
LONGEST: t.Final = 60.0
_LONGEST_TEXT: t.Final = 500


class HookError(Exception):
    """Hooks that cannot be used; the message names the hook."""


@dataclass(frozen=True)
class HookCall:
    """What all hooks of one moment are told; ``end`` is when the change is over at the latest."""

    run_id: str
    system: str
    end: str
    text: str


def end_after(seconds: float, now: datetime | None = None) -> str:
    """Return the moment so many seconds from now, as 2026-01-31T08:00:00Z."""
    moment = (now or datetime.now(UTC)) + timedelta(seconds=seconds)

    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def call_hooks(
    hooks: Mapping[str, t.Any], names: Sequence[str], call: HookCall
) -> tuple[list[str], dict[str, str]]:
    """Call the named hooks that there are; return those that worked, and why others did not.

    Raises HookError for names that are no hooks: such a program would never be called.
    """
    if unknown := sorted(set(map(str, hooks)) - set(HOOKS)):
        raise HookError(f"upkeep_hooks has {', '.join(unknown)}; there are {', '.join(HOOKS)}")

    done: list[str] = []
    problems: dict[str, str] = {}
    for name in names:
        program = str(hooks.get(name) or "")
        if not program:
            continue
        if problem := _run(program, [name, call.run_id, call.system, call.end, call.text]):
            problems[name] = problem
        else:
            done.append(name)

    return done, problems


def _run(program: str, words: Sequence[str]) -> str:
    """Return why a program did not do its work, '' when it did."""
    if problem := _unsafe(program):
        return problem

    given = [clean.clean(word, _LONGEST_TEXT).replace("\n", " ") for word in words]
    try:
        done = subprocess.run(  # noqa: S603 - an argv list, the program is the operator's own
            [program, *given],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"'{program}' failed: {error}"
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        return clean.clean(f"'{program}' ended with {done.returncode}: {said}", _LONGEST_TEXT)

    return ""


def _unsafe(program: str) -> str:
    """Return why a program is not started, '' for one that nobody else can change."""
    if not program.startswith("/"):
        return f"'{program}' does not begin with /"
    try:
        status = Path(program).stat()
    except OSError as error:
        return f"'{program}' cannot be used: {error.strerror}"
    if not stat.S_ISREG(status.st_mode) or not os.access(program, os.X_OK):
        return f"'{program}' is not a program"
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o002:
        return f"'{program}' can be changed by others"

    return ""
