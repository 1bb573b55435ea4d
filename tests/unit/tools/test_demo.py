# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demonstration when it is interrupted: it ends what it started and leaves no run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools import PROJECT

#: The real command line, whose first phase holds a pipe open until it is ended; says when it knows
#: that phase.
SCRIPT = """
import signal, sys, threading, time
from pathlib import Path
from demo import lease
from tools import demo, process
lease.folder = lambda: Path(sys.argv[1]) / "locks"
# Whoever runs tests in the background ignores this signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
process.LOGS = Path(sys.argv[1]) / "logs"
def tell():
    while not process._running:
        time.sleep(0.01)
    print("up", flush=True)
threading.Thread(target=tell, daemon=True).start()
wait = f"exec 9>{sys.argv[1]}/alive; sleep 600"
demo.play = lambda defects: demo.phase("wait", ["/bin/sh", "-c", wait])
sys.exit(demo.main([]))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_phase_and_is_told_in_one_line(
    tmp_path: Path, how: signal.Signals
) -> None:
    os.mkfifo(tmp_path / "alive")
    demo = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    with (tmp_path / "alive").open("rb") as alive:
        assert demo.stdout
        assert demo.stdout.readline().endswith(b"up\n")

        demo.send_signal(how)

        assert alive.read() == b"", "the phase's processes are gone: nobody holds the pipe any more"

    _, told = demo.communicate(timeout=60)

    assert demo.returncode == 130
    assert told.decode().strip() == "demo: interrupted; call it again to go on from what is there"
