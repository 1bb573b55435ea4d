# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command is timed, ended when it overruns, and never left behind by an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tools import process

FOREVER: t.Final = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(process, "LOGS", tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[list[subprocess.Popen[bytes]]]:
    """Every process that run_logged starts; an interrupt arrives just before it can know of it."""
    found: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: t.Any, **keys: t.Any) -> None:
            super().__init__(*args, **keys)
            found.append(self)
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    yield found
    signal.signal(signal.SIGINT, before)


def test_outcome_and_output(logs: Path) -> None:
    outcome = process.run_logged(
        "words", [sys.executable, "-c", "print('hello'); raise SystemExit(3)"], timeout=60
    )
    assert (outcome.code, outcome.log) == (3, logs / "words.log")
    assert outcome.log.read_text(encoding="utf-8") == "hello\n"


def test_what_overruns_is_ended_and_said_so() -> None:
    outcome = process.run_logged("slow", FOREVER, timeout=0.3)
    assert outcome.code == 124
    assert "ended after 0 s without a result" in outcome.log.read_text(encoding="utf-8")


def test_an_interrupt_during_the_start_leaves_no_command_behind(
    started: list[subprocess.Popen[bytes]],
) -> None:
    with pytest.raises(KeyboardInterrupt):
        process.run_logged("interrupted", FOREVER, timeout=60)

    (command,) = started

    assert command.returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(command.pid, 0)

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_command_that_cannot_start_gives_the_interrupts_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(FileNotFoundError):
        process.run_logged("missing", [str(tmp_path / "missing")], timeout=1)

    assert signal.getsignal(signal.SIGINT) is before
