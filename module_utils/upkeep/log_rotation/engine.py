# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask logrotate what it would do, let it do it, and read its answers.

Wording of 3.21 and 3.22. An answer that is not understood is an error, never taken for "nothing to
do".
"""

from __future__ import annotations

import os
import re
import subprocess
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

STATE: t.Final = "/var/lib/logrotate/status"
_LOCKED: t.Final = 3
_TIMEOUT_SECONDS: t.Final = 1800
_STATE_LINE = re.compile(r'"((?:[^"\\]|\\.)*)" (\d+)-(\d+)-(\d+)(?:-(\d+):(\d+):(\d+))?')

Verdict = t.Literal["rotate", "keep", "missing", "skipped"]


class EngineError(RuntimeError):
    """logrotate could not be asked or its answer not be read; the message says what it said."""


@dataclass
class Answer:
    """What one run of logrotate said.

    ``errors`` are pairs of the path being worked on ('' for none) and the text.
    """

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    config_errors: list[str] = field(default_factory=list)
    state_errors: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    sections: int = 0
    locked: bool = False

    def due(self) -> list[str]:
        """Return the paths that need rotating."""
        return [path for path, verdict in self.verdicts.items() if verdict == "rotate"]

    def present(self) -> list[str]:
        """Return the paths of regular files that logrotate looks after."""
        return [path for path, verdict in self.verdicts.items() if verdict in ("rotate", "keep")]


@dataclass(frozen=True)
class Engine:
    """logrotate with one state file.

    The same one as the timer's, whose lock then holds for both.
    """

    program: str
    state: str = STATE

    def ask(self, config: str) -> Answer:
        """Return what is due; touches nothing.

        Raises EngineError when the answer is not understood.
        """
        return parse(self._call("-d", config)[1])

    def rotate(self, config: str) -> Answer:
        """Rotate what is due.

        An answer with ``locked`` set means that another logrotate is at work.
        """
        code, output = self._call("-v", config)
        if code == _LOCKED:
            return Answer(locked=True)

        answer = parse(output)
        if code != 0 and not (answer.errors or answer.config_errors or answer.state_errors):
            raise EngineError(f"logrotate ended with code {code}: {_tail(output)}")

        return answer

    def _call(self, mode: str, config: str) -> tuple[int, str]:
        argv = [self.program, mode, "-s", self.state, config]
        environment = {**os.environ, "LC_ALL": "C"}
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program and our own paths, no shell
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_TIMEOUT_SECONDS,
                env=environment,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"{' '.join(argv)}: {error}") from error

        return done.returncode, done.stdout.decode("utf-8", "surrogateescape")


def parse(output: str) -> Answer:
    """Return the Answer read from what ``logrotate -d`` or ``-v`` printed.

    Raises EngineError when a log was considered and no verdict on it was found.
    """
    answer = Answer()
    stage: t.Literal["config", "state", "logs"] = "config"
    current = ""

    for line in output.split("\n"):
        if line.startswith("error: "):
            _file_error(answer, stage, current, line.removeprefix("error: "))
        elif "Reading state from file:" in line:
            stage = "state"
        elif match := re.fullmatch(r"Handling (\d+) logs", line):
            stage, answer.sections = "logs", int(match[1])
        elif line.startswith("considering log "):
            _close(answer, current)
            current = line.removeprefix("considering log ")
        elif line.startswith(("rotating log ", "rotating pattern: ", "running ", "not running ")):
            _close(answer, current)
            current = _rotated_path(line)
        elif current and (verdict := _verdict(line)):
            answer.verdicts[current] = verdict

    _close(answer, current)
    if stage != "logs":
        raise EngineError(f"what logrotate said is not understood: {_tail(output)}")

    return answer


def _verdict(line: str) -> Verdict | None:
    if line == "  log needs rotating":
        return "rotate"
    if line.startswith("  log does not need rotating"):
        return "keep"
    if line.endswith(" does not exist -- skipping"):
        return "missing"
    if line.endswith("-- skipping.") and (" is symbolic link." in line or " hard links." in line):
        return "skipped"

    return None


def _rotated_path(line: str) -> str:
    """Return the path of a ``rotating log PATH, log->rotateCount is N`` line, else ''."""
    match = re.fullmatch(r"rotating log (.+), log->rotateCount is -?\d+", line)
    return match[1] if match else ""


def _file_error(answer: Answer, stage: str, current: str, text: str) -> None:
    if stage == "config":
        answer.config_errors.append(text)
    elif stage == "state":
        answer.state_errors.append(text)
    else:
        answer.errors.append((current, text))


def _close(answer: Answer, path: str) -> None:
    """Every path that was considered must have a verdict or an error by now."""
    if not path or path in answer.verdicts or any(path == where for where, _ in answer.errors):
        return
    if Path(path).parent.exists():
        raise EngineError(
            f"logrotate considered {path!r} without a verdict that is understood; is its version newer than 3.22?"
        )

    answer.verdicts[path] = "missing"  # without its folder logrotate says nothing more


def _tail(output: str) -> str:
    return " | ".join(output.strip().splitlines()[-5:]) or "(nothing)"


def read_state(path: str) -> dict[str, float]:
    """Return for each log the Unix time of its last rotation (or of first sight).

    Empty when there is no file yet.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return {}

    return parse_state(text)


def parse_state(text: str) -> dict[str, float]:
    """Return the readable lines of a state file; logrotate skips the others as well and says so."""
    found: dict[str, float] = {}
    for line in text.split("\n"):
        match = _STATE_LINE.fullmatch(line.strip())
        if match is None:
            continue

        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[1:])
        try:
            found[re.sub(r"\\(.)", r"\1", match[1])] = time.mktime(
                (year, month, day, hour, minute, second, 0, 0, -1)
            )
        except (ValueError, OverflowError):
            continue

    return found
