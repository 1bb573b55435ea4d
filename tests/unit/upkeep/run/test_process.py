# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is the process that holds a lock still alive? Only what is sure counts as dead."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from upkeep.run import process


@pytest.fixture(autouse=True)
def ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give this machine ids of its own, as not every container has them."""
    (tmp_path / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (tmp_path / "boot_id").write_text("boot-1\n")
    monkeypatch.setattr(process, "MACHINE_ID", tmp_path / "machine-id")
    monkeypatch.setattr(process, "BOOT_ID", tmp_path / "boot_id")
    return tmp_path


def holder(pid: int | str, started: str | None) -> dict[str, str]:
    return {"machine": process.machine(), "process": f"{pid}:{started or ''}"}


@pytest.fixture
def ended() -> dict[str, str]:
    """Return the lease of a process of this machine that has ended."""
    child = subprocess.Popen(["sleep", "60"])
    lease = holder(child.pid, process.start_time(child.pid))
    child.kill()
    child.wait()

    return lease


def test_this_process_lives() -> None:
    me = process.identity()

    assert me["machine"] == process.machine()
    assert not process.is_dead(me)


def test_a_process_that_ended_is_dead(ended: dict[str, str]) -> None:
    assert process.is_dead(ended)


def test_a_process_that_ended_but_was_not_waited_for_is_dead() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert process.is_dead(holder(child.pid, "1"))
    child.wait()


def test_a_reused_pid_is_dead() -> None:
    assert process.is_dead(holder(os.getpid(), "1"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("machine-id", "fedcba9876543210fedcba9876543210"),
        ("boot_id", "boot-2"),
        ("machine-id", ""),
        ("machine-id", "uninitialized"),
        ("machine-id", None),
        ("boot_id", None),
    ],
    ids=["other machine", "other boot", "no id", "first boot", "no file", "no boot id"],
)
def test_a_process_of_another_or_an_unknown_machine_is_never_dead(
    ids: Path, ended: dict[str, str], name: str, content: str | None
) -> None:
    (ids / name).unlink()
    if content is not None:
        (ids / name).write_text(content)

    assert not process.is_dead(ended)


def test_a_process_of_another_namespace_is_never_dead(
    ended: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "NAMESPACE", Path("/proc/self/ns/net"))

    assert not process.is_dead(ended)


def test_a_process_that_is_hidden_from_us_may_live(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    lease = holder(os.getpid(), process.start_time(os.getpid()))
    monkeypatch.setattr(process.os, "kill", refuse)
    monkeypatch.setattr(process, "start_time", lambda pid: None)

    assert not process.is_dead(lease)


@pytest.mark.parametrize("text", ["", "x", "1", "x:1", "-1:1", "0:1", "99999999999999:1", "²:1"])
def test_an_odd_value_is_never_dead(text: str) -> None:
    assert not process.is_dead({"machine": process.machine(), "process": text})


def test_a_lease_without_a_machine_is_never_dead() -> None:
    assert not process.is_dead({"process": f"{os.getpid()}:1"})
    assert not process.is_dead({})


def test_the_machine_id_cannot_be_read_from_what_is_stored(ids: Path) -> None:
    assert len(process.machine()) == 32
    assert (ids / "machine-id").read_text().strip() not in process.machine()
