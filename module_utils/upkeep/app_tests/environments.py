# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environments that suites and services live in: files in systemd's format, and what a running unit really has."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import typing as t
from pathlib import Path

from .errors import RefusedError

#: Largest file that is read, bytes.
LARGEST: t.Final = 1 << 20
#: Seconds that systemd may take to answer.
SECONDS: t.Final = 10

_LINE: t.Final = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$")
_FILE: t.Final = re.compile(r"^(.*) \(ignore_errors=(?:yes|no)\)$")

Pairs = list[tuple[str, str]]


def parse(text: str) -> dict[str, str]:
    """Return the variables of an environment file (systemd.exec(5), and ``export`` as shells have it)."""
    found = {}
    for line in text.replace("\\\n", "").splitlines():
        matched = _LINE.match(line.strip())
        if matched:
            found[matched[1]] = _unquoted(matched[2].strip())

    return found


def _unquoted(value: str) -> str:
    if value[:1] not in ("'", '"'):
        return value

    try:
        return "".join(shlex.split(value)[:1])
    except ValueError:  # a quote that is never closed
        return value


def read(path: Path) -> dict[str, str]:
    """Return the variables of the file at ``path``; raises RefusedError when it cannot be read.

    Waits for no FIFO.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RefusedError(f"'{path}' is no regular file")
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise RefusedError(f"'{path}' cannot be read ({error.strerror})") from error

    if len(content) > LARGEST:
        raise RefusedError(f"'{path}' is larger than {LARGEST} bytes, so it is no environment file")

    return parse(content.decode("utf-8", "replace"))


def of_unit(unit: str) -> Pairs:
    """Return all variables of a unit, those of its process first, then what it would be started with.

    Both, since its file may have changed after its start. Raises RefusedError when nobody can tell.
    """
    shown = _show(unit)
    facts = dict(shown)
    if facts.get("LoadState") != "loaded":
        raise RefusedError(
            f"the unit {unit} of production is not there, so its database is not known"
        )

    found = _of_process(facts.get("MainPID", "0"))
    found += [
        (key, value)
        for key, _, value in (word.partition("=") for word in _words(facts.get("Environment", "")))
    ]

    for path in (
        match[1]
        for key, value in shown
        if key == "EnvironmentFiles"
        for match in [_FILE.match(value)]
        if match
    ):
        if Path(path).exists():
            found += read(Path(path)).items()

    return found


def _show(unit: str) -> Pairs:
    command = [
        "systemctl",
        "show",
        "--property=LoadState,MainPID,Environment,EnvironmentFiles",
        "--",
        unit,
    ]
    try:
        done = subprocess.run(  # noqa: S603 - argv list from the profile
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(
            f"systemd does not say what the unit {unit} of production uses ({error})"
        ) from error

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
        content = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has just ended: what it would be started with says the same
        return []

    pairs = (
        entry.partition("=") for entry in content.decode("utf-8", "replace").split("\0") if entry
    )

    return [(key, value) for key, _, value in pairs]
