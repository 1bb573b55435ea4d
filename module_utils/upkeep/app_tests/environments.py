# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environments of suites and services: files in systemd's format, and that of a running unit."""

from __future__ import annotations

import re
import shlex
import subprocess
import typing as t
from pathlib import Path

from ..base import files, isolated
from ..base.environment_files import parse as parse
from .errors import RefusedError

#: Largest file that is read, bytes.
LARGEST: t.Final = 1 << 20
#: Seconds that systemd, or reading a file, may take.
SECONDS: t.Final = 10

_FILE: t.Final = re.compile(r"^(.*) \(ignore_errors=(?:yes|no)\)$")

Pairs = list[tuple[str, str]]


def read_as(user: str, path: Path) -> dict[str, str]:
    """Return the variables of a file as a user may read it; raises RefusedError.

    A suite is given what is in the file, so it must be a file that the suite itself could read:
    whatever the path leads to.
    """
    answers, problem = isolated.run(lambda: [_content(path)], SECONDS, user)
    if not answers:
        raise RefusedError(f"'{path}' cannot be read as {user}: {problem}")

    return parse(answers[0])


def _content(path: Path) -> str:
    try:
        return files.read_text(path, LARGEST, trusted_links=True, errors="replace")
    except OSError as error:
        raise isolated.IsolatedError(files.reason_of(error)) from error


def read(path: Path) -> dict[str, str]:
    """Return the variables of a file that systemd reads; raises RefusedError.

    A link is followed only where root made it.
    """
    try:
        return parse(files.read_text(path, LARGEST, trusted_links=True, errors="replace"))
    except OSError as error:
        raise RefusedError(f"'{path}' cannot be read: {files.reason_of(error)}") from error


def of_unit(unit: str) -> Pairs:
    """Return all variables of a unit: those of its process, then those that it would start with.

    Both, since its file may have changed after its start. Raises RefusedError when they are not
    known.
    """
    pairs = _show(unit)
    facts = dict(pairs)
    if facts.get("LoadState") != "loaded":
        raise RefusedError(f"the production unit {unit} does not exist, so its database is unknown")

    found = _of_process(facts.get("MainPID", "0"))
    words = _words(facts.get("Environment", ""))
    found += [(key, value) for key, _, value in (word.partition("=") for word in words)]

    for key, value in pairs:
        matched = _FILE.match(value) if key == "EnvironmentFiles" else None
        if matched and Path(matched[1]).exists():
            found += read(Path(matched[1])).items()

    return found


def _show(unit: str) -> Pairs:
    """Return the properties of a unit; one with several values, as EnvironmentFiles, repeats."""
    properties = "--property=LoadState,MainPID,Environment,EnvironmentFiles"
    try:
        done = subprocess.run(  # noqa: S603 - argv list from the profile
            ["systemctl", "show", properties, "--", unit],  # noqa: S607 - root's PATH
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        message = f"systemd does not report what the production unit {unit} uses ({error})"
        raise RefusedError(message) from error

    return [
        (key, value) for key, _, value in (line.partition("=") for line in done.stdout.splitlines())
    ]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _of_process(pid: str) -> Pairs:
    if not pid.isdecimal() or int(pid) == 0:
        return []

    try:
        content = files.read_kernel(f"/proc/{pid}/environ")
    except OSError:  # it has just ended: what it would start with is the same
        return []

    pairs = (entry.partition("=") for entry in content.split("\0") if entry)

    return [(key, value) for key, _, value in pairs]
