# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Call logrotate and read its output, in the wording of 3.21 and 3.22.

What is not understood about a file is "unclear", never taken for "nothing to do".
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ..base import files

#: A state that is neither read nor written, to have a configuration checked only.
NO_STATE: t.Final = "/dev/null"
_FAILED_STATE: t.Final = 3
_LOCKED: t.Final = "does not support parallel execution"
_IN_FUTURE: t.Final = "last rotated in the future"
#: All calls of a run together stay below the deadline of the module.
_SECONDS: t.Final = {"-d": 300, "-v": 1800}
_STATE_BYTES: t.Final = 64 << 20
_STATE_LINE = re.compile(r'"((?:[^"\\]|\\.)*)" (\d+)-(\d+)-(\d+)(?:-(\d+):(\d+):(\d+))?')

#: What logrotate decided on one file; ``unclear`` when its output is not understood.
FileDecision = t.Literal["rotate", "keep", "missing", "skipped", "unclear"]


class LogrotateError(RuntimeError):
    """logrotate could not be run or its output not be read; the message holds its last lines."""


@dataclass
class LogrotateOutput:
    """What one run of logrotate printed.

    ``skipped`` gives its reason for each file that it leaves alone, ``errors`` are pairs of the
    path being worked on ('' for none) and the text, ``from_future`` are the paths whose last
    rotation lies in the future.
    """

    decisions: dict[str, FileDecision] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    config_errors: list[str] = field(default_factory=list)
    state_errors: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    from_future: list[str] = field(default_factory=list)
    sections: int = 0
    locked: bool = False

    def due(self) -> list[str]:
        """Return the paths that need rotating."""
        return [path for path, decision in self.decisions.items() if decision == "rotate"]

    def unrotated(self) -> list[str]:
        """Return the paths of files that logrotate knows or begins to know, and leaves for now."""
        return [path for path, decision in self.decisions.items() if decision == "keep"]


@dataclass(frozen=True)
class Logrotate:
    """logrotate with one state file: that of its timer, whose lock then holds for both."""

    program: str
    state: str

    def preview_file(self, path: str) -> LogrotateOutput:
        """Return what is due by a configuration file; changes nothing. Raises LogrotateError."""
        return parse_output(self._call("-d", path)[1])

    def preview(self, config: str) -> LogrotateOutput:
        """Return what is due by the text of a configuration; changes nothing.

        Raises LogrotateError.
        """
        return parse_output(self._call_with("-d", config)[1])

    def rotate(self, config: str) -> LogrotateOutput:
        """Rotate what is due; raises LogrotateError.

        Output with ``locked`` set means that another logrotate is at work.
        """
        code, output = self._call_with("-v", config)
        if code == _FAILED_STATE:
            return _stopped(output)

        read = parse_output(output)
        if code != 0 and not (
            read.errors or read.config_errors or read.state_errors or read.from_future
        ):
            raise LogrotateError(f"logrotate ended with code {code}: {_tail(output)}")

        return read

    def _call_with(self, mode: str, config: str) -> tuple[int, str]:
        """Call logrotate with a text, in memory that belongs to root and that nobody else writes.

        logrotate skips another user's file and still ends with code 0, which is why a ``validate:``
        of a stock task, run on the login user's upload, would prove nothing.
        """
        memory = os.memfd_create("upkeep-logrotate")
        try:
            os.fchmod(memory, 0o600)
            os.write(memory, config.encode())
            return self._call(mode, f"/proc/self/fd/{memory}", memory)
        finally:
            os.close(memory)

    def _call(self, mode: str, config: str, *descriptors: int) -> tuple[int, str]:
        _require_regular(self.state)
        argv = [self.program, mode, "-s", self.state, config]

        try:
            done = subprocess.run(  # noqa: S603 - a fixed program and our own paths, no shell
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS[mode],
                env={**os.environ, "LC_ALL": "C"},
                pass_fds=descriptors,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LogrotateError(f"{' '.join(argv)}: {error}") from error

        return done.returncode, done.stdout.decode("utf-8", "surrogateescape")


def _require_regular(state: str) -> None:
    """Raise LogrotateError for a state file that logrotate would hang in or could not lock."""
    if state == NO_STATE:
        return

    try:
        mode = Path(state).stat().st_mode
    except FileNotFoundError:
        return  # logrotate makes it
    except OSError as error:
        raise LogrotateError(f"the state file {state} cannot be read: {error.strerror}") from error

    if not stat.S_ISREG(mode):
        raise LogrotateError(f"the state file {state} is not a regular file; move it away")


def _stopped(output: str) -> LogrotateOutput:
    """Return the output of a logrotate that ended because of its state file."""
    if _LOCKED in output:
        return LogrotateOutput(locked=True)

    raise LogrotateError(f"logrotate cannot use its state file: {_tail(output)}")


def parse_output(output: str) -> LogrotateOutput:
    """Return what ``logrotate -d`` or ``-v`` printed; raises LogrotateError for other text.

    A file that was considered without a decision that is understood is ``unclear``.
    """
    read = LogrotateOutput()
    stage: t.Literal["config", "state", "logs"] = "config"
    current = ""

    for line in output.split("\n"):
        if line.startswith("error: "):
            _add_error(read, stage, current, line.removeprefix("error: "))
        elif "Reading state from file:" in line:
            stage = "state"
        elif match := re.fullmatch(r"Handling (\d+) logs", line):
            stage, read.sections = "logs", int(match[1])
        elif line.startswith("considering log "):
            _close(read, current)
            current = line.removeprefix("considering log ")
        elif line.startswith(("rotating log ", "rotating pattern: ", "running ", "not running ")):
            _close(read, current)
            current = _rotated_path(line)
        elif current:
            _decide(read, current, line)

    _close(read, current)
    if stage != "logs":
        raise LogrotateError(f"logrotate's output is not understood: {_tail(output)}")

    return read


def _decide(read: LogrotateOutput, path: str, line: str) -> None:
    if line == "  log needs rotating":
        read.decisions[path] = "rotate"
    elif line.startswith("  log does not need rotating"):
        read.decisions[path] = "keep"
    elif line.endswith(" does not exist -- skipping"):
        read.decisions[path] = "missing"
    elif line.endswith("-- skipping."):
        read.decisions[path] = "skipped"
        read.skipped[path] = line.removeprefix(f"  log {path} ").partition(".")[0]


def _rotated_path(line: str) -> str:
    """Return the path of a ``rotating log PATH, log->rotateCount is N`` line, else ''."""
    match = re.fullmatch(r"rotating log (.+), log->rotateCount is -?\d+", line)

    return match[1] if match else ""


def _add_error(read: LogrotateOutput, stage: str, current: str, text: str) -> None:
    if stage == "config":
        read.config_errors.append(text)
    elif stage == "state":
        read.state_errors.append(text)
    elif _IN_FUTURE in text:
        read.from_future.append(current)  # an error for logrotate, which rotates all the same
    else:
        read.errors.append((current, text))


def _close(read: LogrotateOutput, path: str) -> None:
    """Give a path that was considered a decision, unless it has one or an error by now."""
    if not path or path in read.decisions or any(path == where for where, _ in read.errors):
        return

    # Without its folder logrotate prints nothing more on a file.
    read.decisions[path] = "unclear" if Path(path).parent.exists() else "missing"


def _tail(output: str) -> str:
    return " | ".join(output.strip().splitlines()[-5:]) or "(nothing)"


def read_state(path: str) -> dict[str, float]:
    """Return for each log the Unix time of its last rotation, or of when it was first seen.

    Empty when no file can be read.
    """
    try:
        _require_regular(path)
        text = files.read_text(path, _STATE_BYTES, trusted_links=True, errors="surrogateescape")
    except (LogrotateError, OSError):
        return {}

    return parse_state(text)


def parse_state(text: str) -> dict[str, float]:
    """Return the readable lines of a state file; logrotate reports and skips the others too."""
    found: dict[str, float] = {}

    for line in text.split("\n"):
        match = _STATE_LINE.fullmatch(line.strip())
        if match is None:
            continue

        try:
            year, month, day, *clock = (int(part or 0) for part in match.groups()[1:])
            moment = (year, month, day, *clock, 0, 0, -1)
            found[re.sub(r"\\(.)", r"\1", match[1])] = time.mktime(moment)  # type: ignore[arg-type]
        except (ValueError, OverflowError):
            continue

    return found
