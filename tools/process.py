# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a command with its output in a log file, timed; show the end of the log when it fails."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

from tools import PROJECT

#: Where every command of a demo or test run leaves its output.
LOGS: t.Final = PROJECT / ".cache" / "logs"
TAIL_LINES: t.Final = 40
#: Reasons of a failure that are named at the end of a run, and characters of each.
REASONS: t.Final = 6
REASON_WIDTH: t.Final = 240
#: Seconds between the polite and the firm end of a command that overran.
GRACE: t.Final = 30.0

_running: set[subprocess.Popen[bytes]] = set()
_stopped = threading.Event()


class StoppedError(Exception):
    """Everything is to end, so nothing new is started."""


class CommandOutcome(t.NamedTuple):
    """How a command ended. ``code`` is its exit code, or 124 when it ran out of time."""

    code: int
    seconds: float
    log: Path


def tool(name: str) -> str:
    """Return the path of a command of the virtual environment that this process runs in."""
    return str(Path(sys.executable).parent / name)


def environment(**extra: str) -> dict[str, str]:
    """Return the environment of commands: programs of .venv first, no terminal control."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    plain = {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "TERM": "dumb"}

    return {
        **os.environ,
        **plain,
        "PATH": path,
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        **extra,
    }


def run_logged(
    name: str,
    argv: t.Sequence[str],
    *,
    timeout: float,
    env: t.Mapping[str, str] | None = None,
    cwd: Path = PROJECT,
    clears_up: bool = False,
) -> CommandOutcome:
    """Run a command and return how it ended.

    Its whole process group is ended when ``timeout`` seconds are over.

    An interrupt of this process ends the command too, so that no Ansible run goes on unseen. Raises
    StoppedError once all is to end, but for a command that ``clears_up``.
    """
    if _stopped.is_set() and not clears_up:
        raise StoppedError(f"{name} is not started: an interrupt ended everything")

    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    started = time.monotonic()

    with log.open("w", encoding="utf-8") as output, _interrupts_held() as release:
        process = subprocess.Popen(  # noqa: S603
            argv,
            cwd=cwd,
            env=dict(environment() if env is None else env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _running.add(process)
        try:
            release()
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            output.write(f"\nended after {timeout:.0f} s without a result\n")
            code = 124
        except BaseException:
            _end(process)
            raise
        finally:
            _running.discard(process)

    return CommandOutcome(code, time.monotonic() - started, log)


@contextlib.contextmanager
def _interrupts_held() -> t.Iterator[t.Callable[[], None]]:
    """Hold interrupts back until the yielded function is called, when a new command is known.

    Only the main thread gets signals, so others have nothing to hold. Blocking them instead would
    block them in the command as well.
    """
    mine = threading.current_thread() is threading.main_thread()
    handlers = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if mine
    }
    held = {number: handler for number, handler in handlers.items() if callable(handler)}
    came: list[int] = []

    def release() -> None:
        while held:
            signal.signal(*held.popitem())
        while came:
            signal.raise_signal(came.pop())

    for number in held:
        signal.signal(number, lambda number, _frame: came.append(number))

    try:
        yield release
    finally:
        release()


def stop_all() -> None:
    """End every command and start no more; a thread with a list would go on to its next."""
    _stopped.set()
    end_all()


def end_all() -> None:
    """End every command that other threads of this process still wait for."""
    for process in tuple(_running):
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command politely, then firmly.

    Whatever it started and left behind is killed with it.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)

    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)

    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

    process.wait()


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, indented, under its path."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    shown = log.relative_to(PROJECT) if log.is_relative_to(PROJECT) else log
    return "\n".join([f"  the end of {shown}:", *(f"  | {line}" for line in text)])


def reasons(log: Path) -> list[str]:
    """Return the lines of a log that name what failed, the last ones, each cut.

    They are pytest's: of each failed test the first line of its error and, at the end, its name;
    and Ansible's errors.
    """
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if line.startswith(("FAILED ", "[ERROR]: "))
        or (line.startswith("E  ") and not before.startswith("E"))
    ]

    return [line[:REASON_WIDTH] for line in found[-REASONS:]]
