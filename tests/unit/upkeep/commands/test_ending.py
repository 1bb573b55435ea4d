# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An interrupted run is told to end, then ended, with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from upkeep.commands.ending import Ending
from upkeep.run.process import start_time

pytestmark = pytest.mark.usefixtures("signals_as_at_a_terminal")

#: Has a process of another session, as Ansible has workers; ends at SIGTERM, the other does not.
RUN = """
setsid sh -c 'trap "" TERM; echo $$ > "$0"; while :; do sleep 0.1; done' {other} &
until [ -s {other} ]; do sleep 0.02; done
trap 'echo told > {told}; exit 0' TERM INT
echo ready > {ready}
while :; do sleep 0.1; done
"""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / name for name in ("other", "told", "ready")}


def start(text: str, files: dict[str, Path]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sh", "-c", text.format(**files)])
    deadline = time.monotonic() + 20
    while not files["ready"].exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)

    return process


def test_a_run_that_is_not_interrupted_is_left_alone():
    with Ending() as ending:
        assert not ending.is_kill_due()

    assert ending.code is None


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 99), (signal.SIGHUP, 129), (signal.SIGTERM, 143)]
)
def test_the_run_ends_itself_and_what_it_left_is_ended(
    files: dict[str, Path], number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("upkeep.commands.ending.GRACE", 0.2)
    with Ending() as ending:
        run = start(RUN, files)
        os.kill(os.getpid(), number)

        assert not ending.is_kill_due(), "it has time to end itself"
        assert run.wait(timeout=20) == 0
        assert start_time(int(files["other"].read_text()))

    assert ending.code == code
    assert files["told"].exists()
    assert start_time(int(files["other"].read_text())) is None


def test_a_run_that_does_not_end_is_killed_after_its_time():
    with Ending(patience=0.0) as ending:
        os.kill(os.getpid(), signal.SIGTERM)

        assert ending.is_kill_due()


def test_a_second_signal_ends_the_run_at_once():
    with Ending() as ending:
        os.kill(os.getpid(), signal.SIGINT)

        assert not ending.is_kill_due()

        os.kill(os.getpid(), signal.SIGINT)

        assert ending.is_kill_due()

    assert ending.code == 99


def test_an_error_of_the_end_does_not_hide_that_the_run_was_interrupted():
    with Ending() as ending:
        os.kill(os.getpid(), signal.SIGTERM)
        raise OSError("the terminal is gone")

    assert ending.code == 143


def test_other_errors_are_not_hidden():
    with pytest.raises(OSError, match="disk is full"), Ending():
        raise OSError("disk is full")


def test_handlers_are_given_back_and_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Ending() as ending:
            os.kill(os.getpid(), signal.SIGHUP)

            assert not ending.is_kill_due()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)

    assert ending.code is None
