# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nobody takes a fleet away from a process that uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo import __main__ as cli
from demo import engine, lease
from demo.errors import DemoError
from demo.fleet import PROJECT

#: Holds the fleet `shop` as another process does, until its input ends.
HOLDER = """
import sys
from pathlib import Path
from demo import lease
lease.folder = lambda: Path(sys.argv[1])
with lease.held("shop", "a test"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(locks: Path) -> subprocess.Popen[str]:
    """Start a process that holds the fleet `shop`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(locks)],
        cwd=PROJECT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"

    return process


def test_a_fleet_in_use_is_refused_and_its_user_named(locks: Path):
    with holder(locks) as other:
        named = rf"in use by process {other.pid} \(a test\)"
        with pytest.raises(DemoError, match=named), lease.held("shop", "another"):
            pass
        with lease.held("beside", "another"):
            pass
        other.kill()

    with lease.held("shop", "once its user has ended, however that happened"):
        pass


def test_what_the_user_starts_may_go_on(locks: Path, monkeypatch: pytest.MonkeyPatch):
    with holder(locks) as other:
        monkeypatch.setenv(lease.VARIABLE, f"shop:{other.pid}")
        with lease.held("shop", "on behalf"):
            pass
        assert os.environ[lease.VARIABLE] == f"shop:{other.pid}"
        other.kill()


def test_a_user_may_hold_it_twice():
    with lease.held("shop", "outer"), lease.held("shop", "inner"):
        assert os.environ[lease.VARIABLE] == f"shop:{os.getpid()}"

    assert lease.VARIABLE not in os.environ


@pytest.mark.parametrize("arguments", [["down"], ["plant", "none"]])
def test_the_commands_refuse(
    locks: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
):
    monkeypatch.setattr(engine, "require", lambda: None)
    with holder(locks) as other:
        assert cli.main([*arguments, "--fleet", "shop"]) == 2
        other.kill()

    assert "the fleet shop is in use by process" in capsys.readouterr().err
