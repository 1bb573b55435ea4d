# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program that fills a cache: one at a time, with the rights of its user, within its time."""

from __future__ import annotations

import os
import signal
import subprocess
import typing as t
from collections.abc import Iterator, Sequence

from ..base import environment_files, files, isolated
from ..base.text import visible
from .settings import Warming

#: The largest environment file, bytes.
_MOST_BYTES: t.Final = 1 << 20
_MOST_COMPLAINTS: t.Final = 1 << 20
_TAIL: t.Final = 300
#: How long to wait for another warming, s: one that is at work does what ours would do.
_PATIENCE: t.Final = 0.2


class HeldError(Exception):
    """Another process is warming this very moment."""


class ProgramError(Exception):
    """The program could not be run or failed; the message is a clause."""


def warm(warming: Warming, argv: Sequence[str], guard: str, timeout: float) -> None:
    """Run a program that warms; raises HeldError, ProgramError.

    ``guard`` is the file by whose lock only one runs at a time. The lock ends with its holder.
    """
    try:
        with files.exclusive(guard, _PATIENCE, folder_mode=0o755):
            environment = _environment(warming, timeout)
            values, problem = isolated.run(
                lambda: _run(warming, argv, environment), warming.max_seconds + timeout
            )
    except TimeoutError as error:
        raise HeldError("another warming is at work") from error
    except OSError as error:
        raise ProgramError(f"{guard} cannot be locked: {files.reason_of(error)}") from error

    if problem or values != [""]:
        raise ProgramError(problem or str(values[0] if values else "it did not end"))


def _environment(warming: Warming, timeout: float) -> dict[str, str]:
    """Return the environment of the file, as the program's own user may read it."""
    path = warming.environment_file
    if path is None:
        return {}

    def read() -> Iterator[str]:
        try:
            yield files.read_text(path, _MOST_BYTES, trusted_links=True, errors="replace")
        except OSError as error:
            raise isolated.IsolatedError(files.reason_of(error)) from error

    values, problem = isolated.run(read, timeout, warming.user)
    if problem or not values:
        raise ProgramError(f"'{path}' cannot be read as {warming.user}: {problem}")

    return environment_files.parse(str(values[0]))


def _run(warming: Warming, argv: Sequence[str], environment: dict[str, str]) -> Iterator[str]:
    """Yield why the program failed, '' when it did not; runs in the isolated process."""
    account = isolated.account_of(warming.user)
    complaints = os.memfd_create("complaints", os.MFD_CLOEXEC)
    own = {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}
    try:
        process = subprocess.Popen(  # noqa: S603 - an argv list of the profile, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            cwd=warming.folder,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", **own}
            | environment,
            process_group=0,
            **isolated.program_rights(account),
        )
    except OSError as error:
        raise isolated.IsolatedError(f"it cannot be started: {error.strerror}") from error

    try:
        code = process.wait(warming.max_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        yield f"it took more than {warming.max_seconds} s and was ended"
        return

    yield f"it ended with {code}{_complaint(complaints)}" if code else ""


def _complaint(descriptor: int) -> str:
    """Return the last line that the program wrote to its standard error."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL, max(size - _TAIL, 0)).decode("utf-8", "replace")
    lines = tail.strip().splitlines()

    return f": {visible(lines[-1])}" if lines else ""
