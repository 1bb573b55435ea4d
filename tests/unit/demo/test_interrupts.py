# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A demo fleet whose start is interrupted, also while it waits for its podman commands."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from demo.fleet import PROJECT

#: The real command line; its work are threads that wait until standard input ends, as for a command
#: of podman.
SCRIPT = """
import os, signal, sys
from demo import __main__ as cli, containers
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background processes

def work(number):
    os.write(1, b"up\\n")
    os.read(0, 1)

def wait(*futures, real=containers.cf.wait, **options):
    os.write(1, b"waits\\n")
    return real(*futures, **options)

containers.cf.wait = wait

run = staticmethod(lambda _: containers.in_parallel(work, [1, 2]))
arguments = type("Arguments", (), {"run": run})
cli.parse = lambda _argv: arguments
sys.exit(cli.main())
"""


@pytest.mark.parametrize("again", [True, False])
def test_an_interrupt_is_one_line_and_a_second_one_ends_it_at_once(again: bool) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(
        command, cwd=PROJECT, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    ) as demo:
        watchdog = threading.Timer(60, demo.kill)
        watchdog.start()

        assert demo.stdin and demo.stdout and demo.stderr
        assert sorted(demo.stdout.readline() for _ in range(3)) == ["up\n", "up\n", "waits\n"]

        demo.send_signal(signal.SIGINT)
        told = demo.stderr.readline() + demo.stderr.readline()

        assert told == "\ndemo: interrupted; the same command goes on from what is there\n"

        if again:
            demo.send_signal(signal.SIGINT)
        else:
            demo.stdin.close()

        rest = demo.stderr.read()
        code = demo.wait()
        watchdog.cancel()

    assert (code, rest) == (-signal.SIGINT if again else 130, "")
