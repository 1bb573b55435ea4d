# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds process, listener, top and unit_memory, against this machine's own processes and against made-up trees."""

from __future__ import annotations

import os
import socket
import sys
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.clients import procfs as processes
from ansible.module_utils.upkeep.health_check.kinds import listener, top, unit_memory
from hypothesis import given
from hypothesis import strategies as st

Observed = Callable[..., dict[str, Finding]]
STAT = "{pid} ({name}) S 1 1 {session} 0 -1 4194560 1 0 0 0 {user} {system} 0 0 20 0 1 0 100 1000 {pages} 9 1 1\n"


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 2**22), st.integers(0, 2**40)
)
def test_a_name_may_hold_anything(name: str, pid: int, ticks: int) -> None:
    found = processes.parse_stat(
        STAT.format(pid=pid, name=name, session=7, user=ticks, system=3, pages=2)
    )
    assert found == processes.Process(pid, name, 7, ticks + 3, 2 * os.sysconf("SC_PAGE_SIZE"))


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    processes.units_in(text)
    listener.parse(text, 80)
    with pytest.raises((KeyError, ValueError)):
        unit_memory.parse(text.replace("anon", ""))


class Tree:
    """A /proc of our own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        pid: int,
        *,
        unit: str = "",
        exe: str = "",
        ticks: int = 0,
        pages: int = 0,
        session: int = 1,
    ) -> None:
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        text = STAT.format(
            pid=pid, name=f"n{pid}", session=session, user=ticks, system=0, pages=pages
        )
        (folder / "stat").write_text(text)
        (folder / "cgroup").write_text(
            f"3:memory:/x\n1:name=systemd:/system.slice/{unit}/inner\n0::/\n" if unit else ""
        )
        if exe:
            (folder / "exe").symlink_to(exe)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Return an empty /proc that the probes look at."""
    monkeypatch.setattr(processes, "PROC", tmp_path)
    return Tree(tmp_path)


@pytest.mark.requirement("R-racing-06")
@pytest.mark.parametrize(
    ("options", "status", "count"),
    [
        ({"unit": "shop.service"}, "ok", 2),
        ({"unit": "shop.service", "at_least": 3}, "critical", 2),
        ({"unit": "shop.service", "at_most": 1}, "critical", 2),
        ({"unit": "hop.service"}, "critical", 0),
        ({"executable": "/usr/bin/shop"}, "ok", 1),
        ({"executable": "/usr/bin/sho"}, "critical", 0),
        ({"executable": "/usr/bin/sho", "at_least": 0}, "ok", 0),
    ],
)
def test_processes_of_a_unit_or_a_file(
    tree: Tree, observed: Observed, options: dict[str, t.Any], status: str, count: int
) -> None:
    tree.add(10, unit="shop.service", exe="/usr/bin/shop")
    tree.add(11, unit="shop.service", exe="/usr/bin/python3")
    tree.add(12, unit="shop.service.d", exe="/usr/bin/grep")
    found = observed("process", **options)["process:x"]
    assert (found["status"], found["observed"]) == (status, count), found


def test_a_process_that_may_not_be_looked_at_is_not_taken_for_missing(
    tree: Tree, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add(10)
    monkeypatch.setattr(processes, "executable", lambda _pid: "")
    assert observed("process", executable="/usr/bin/shop")["process:x"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("content", "options", "status"),
    [
        ("10\n", {}, "ok"),
        ("10\n", {"executable": "/usr/bin/shop"}, "ok"),
        ("10\n", {"executable": "/usr/bin/other"}, "critical"),
        ("99\n", {}, "critical"),
        (None, {}, "critical"),
        ("ten\n", {}, "unknown"),
        ("9" * 40, {}, "unknown"),
    ],
)
def test_pid_files(
    tree: Tree,
    observed: Observed,
    tmp_path: Path,
    content: str | None,
    options: dict[str, t.Any],
    status: str,
) -> None:
    tree.add(10, exe="/usr/bin/shop")
    path = tmp_path / "shop.pid"
    if content is not None:
        path.write_text(content)
    assert observed("process", pid_file=str(path), **options)["process:x"]["status"] == status


def test_this_very_process_is_found_by_its_file(observed: Observed) -> None:
    found = observed("process", executable=str(Path("/proc/self/exe").readlink()))["process:x"]
    assert (found["status"], found["observed"] >= 1) == ("ok", True)
    assert processes.executable(os.getpid()) == str(Path(sys.executable).resolve())


def test_who_listens_on_a_port(observed: Observed, closed_port: int) -> None:
    me = processes.user_name(os.getuid())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert observed("listener", port=port)["listener:x"]["observed"] == me
        assert observed("listener", port=port, user=me)["listener:x"]["status"] == "ok"

        found = observed("listener", port=port, user="nobody-else")["listener:x"]

        assert (found["status"], found["observed"], found["expected"]) == (
            "critical",
            me,
            "nobody-else",
        )

        found = observed("listener", port=port, unit="shop.service")["listener:x"]

        assert (found["status"], "instead of shop.service" in found["message"]) == (
            "critical",
            True,
        ), found

    found = observed("listener", port=closed_port)["listener:x"]

    assert (found["status"], f"nothing listens on port {closed_port}" in found["message"]) == (
        "critical",
        True,
    )


def test_the_unit_that_holds_the_socket(tree: Tree, observed: Observed) -> None:
    (tree.root / "net").mkdir()
    row = "  0: 0100007F:{port:04X} 00000000:0000 {state} 0:0 00:0 0 {uid} 0 {inode} 1 0 100 0 0 10 0\n"
    (tree.root / "net" / "tcp").write_text(
        "  sl  local_address\n"
        + row.format(port=80, state="0A", uid=os.getuid(), inode=77)
        + row.format(port=80, state="01", uid=0, inode=78)
        + row.format(port=81, state="0A", uid=os.getuid(), inode=79)
    )
    tree.add(10, unit="shop.service")
    (tree.root / "10" / "fd" / "4").symlink_to("socket:[77]")

    assert observed("listener", port=80, unit="shop.service")["listener:x"]["status"] == "ok"

    found = observed("listener", port=81, unit="shop.service")["listener:x"]

    assert (found["status"], "may not be seen" in found["message"]) == ("unknown", True)


@pytest.mark.requirement("R-student_success-21", "R-student_success-101")
def test_the_biggest_processes_are_named_and_ours_are_not(tree: Tree, observed: Observed) -> None:
    tree.add(10, unit="shop.service", pages=5000)
    tree.add(11, pages=9000)
    tree.add(12, pages=99999, session=os.getsid(0))
    found = observed("top", seconds=0.01, count=1)

    assert found["top:x.memory"]["message"].startswith("n11 (pid 11) 36.9 MB")
    assert (found["top:x.cpu"]["message"], found["top:x.cpu"]["observed"]) == (
        "no process used any",
        0,
    )


def test_shares_of_a_processor() -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    old, new, idle = (
        processes.Process(pid, "n", 1, ticks, 0)
        for pid, ticks in ((1, hertz), (2, hertz // 2), (3, 5))
    )

    assert top.cpu_shares([old, new, idle], {1: hertz // 2, 3: 5}, 2.0) == {old: 25.0, new: 25.0}


@pytest.mark.requirement("R-racing-54", "R-racing-64", "R-fairedge-131")
def test_memory_of_a_unit(tree: Tree, observed: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    group = {"ControlGroup": "/system.slice/shop.service"}
    monkeypatch.setattr(unit_memory, "show", lambda *_: group)
    monkeypatch.setattr(unit_memory, "CGROUP", tree.root / "cgroup")
    tree.add(10, unit="shop.service", pages=500)
    tree.add(11, unit="shop.service", pages=500)
    limits = {"unit": "shop.service", "warning": 2, "critical": 3}
    found = observed("unit_memory", **limits)["unit_memory:x"]

    assert (found["status"], found["observed"], found["unit"]) == ("critical", 4.1, "MB")

    stat = tree.root / "cgroup" / "system.slice" / "shop.service" / "memory.stat"
    stat.parent.mkdir(parents=True)
    stat.write_text("anon 1500000\nfile 90000000\nfile_mapped 600000\n")
    found = observed("unit_memory", **limits)["unit_memory:x"]

    assert (found["status"], found["observed"], found["expected"]) == ("warning", 2.1, "at most 2")

    group["ControlGroup"] = ""

    assert observed("unit_memory", **limits)["unit_memory:x"]["status"] == "unknown"
