# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A writer at full speed through rotations: every line that it wrote is in some file, once."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.host import LogrotateHost
from ansible.module_utils.upkeep.log_rotation.run import run
from ansible.module_utils.upkeep.log_rotation.settings import parse

from tests.load import FULL
from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE, entry

ROTATIONS: t.Final = 10 if FULL else 3
#: Writes numbers until the file ``stop`` appears, and prints how many. It watches its file, or
#: opens it again at a signal.
SERVICE: t.Final = """
import os, signal, sys
log, stop, how = sys.argv[1:]
out = open(log, "a", buffering=1)
reopen = False
def asked(*_):
    global reopen
    reopen = True
signal.signal(signal.SIGUSR1, asked)
number = 0
while not os.path.exists(stop):
    if how == "watch":
        try:
            reopen = os.stat(log).st_ino != os.fstat(out.fileno()).st_ino
        except FileNotFoundError:
            reopen = True
    if reopen:
        out.close()
        out = open(log, "a", buffering=1)
        reopen = False
    out.write("%d\\n" % number)
    number += 1
out.close()
print(number)
"""
#: Stands for systemctl: the unit is active, and a signal goes to the writer.
SYSTEMCTL: t.Final = """#!/bin/sh
case "$*" in
*is-active*) exit 0 ;;
*kill*) kill -USR1 $(cat {pid}) ;;
esac
"""


def unpacked(path: Path) -> list[str]:
    """Return the lines of a file, compressed or not."""
    argv = ["zstd", "-dcq", str(path)] if path.suffix == ".zst" else ["cat", str(path)]

    return subprocess.run(argv, capture_output=True, check=True, text=True).stdout.splitlines()


@pytest.mark.parametrize(
    ("how", "reopen", "compress_after_days"),
    [
        ("watch", "none", 1),
        ("signal", {"unit": "x.service", "signal": "USR1"}, 1),
    ],
)
def test_lines_written_are_lines_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    reopen: t.Any,
    compress_after_days: int,
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "main.conf").write_text("")
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(pid=tmp_path / "pid"))
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    log, stop = tmp_path / "logs" / "app.log", tmp_path / "stop"
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(log), str(stop), how],
        stdout=subprocess.PIPE,
        text=True,
    )
    (tmp_path / "pid").write_text(str(service.pid))
    try:
        for _ in range(ROTATIONS):
            wait_for(log)
            rotate(tmp_path, reopen, compress_after_days)
    finally:
        stop.touch()
        written = int(service.communicate(timeout=60)[0])

    found = [line for path in log.parent.iterdir() for line in unpacked(path)]
    print(how, written, len(found))
    assert len(list(log.parent.glob("app.log-*"))) == ROTATIONS
    assert sorted(map(int, found)) == list(range(written))


def wait_for(log: Path) -> None:
    """Wait until the log has something to rotate, and the clock another second for its name."""
    give_up, second = time.monotonic() + 20, int(time.time())
    while not log.exists() or log.stat().st_size < 10_000 or int(time.time()) == second:
        assert time.monotonic() < give_up
        time.sleep(0.01)


def rotate(root: Path, reopen: t.Any, compress_after_days: int) -> None:
    """Rotate as the role does."""
    user = getpass.getuser()
    log = entry(
        paths=[f"{root}/logs/*.log"],
        owner=user,
        group=user,
        max_size="1k",
        reopen=reopen,
        compress_after_days=compress_after_days,
    )
    options = {
        "logs": [log],
        "config_path": str(root / "upkeep"),
        "state_path": str(root / "status"),
    }
    outcome = run(parse(options), LogrotateHost(LOGROTATE, str(root / "main.conf")), False)

    assert outcome.rotated == [f"{root}/logs/app.log"], outcome.findings
