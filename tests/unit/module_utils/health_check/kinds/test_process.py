# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind process, against this machine's own processes and against a /proc of the test."""

from __future__ import annotations

import os
import sys
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.clients import procfs

from tests.unit.module_utils.health_check.kinds.conftest import Tree

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"unit": "web.service"}

Observed = Callable[..., dict[str, Finding]]


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
    monkeypatch.setattr(procfs, "executable", lambda _pid: "")
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
    assert procfs.executable(os.getpid()) == str(Path(sys.executable).resolve())


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_process_that_has_ended_does_not_run(
    tree: Tree, observed: Observed, tmp_path: Path, state: str
) -> None:
    tree.add(10, unit="shop.service", exe="/usr/bin/shop")
    stat = tree.root / "10" / "stat"
    stat.write_text(stat.read_text().replace(") S ", f") {state} "))
    (tmp_path / "shop.pid").write_text("10\n")

    by_file = observed("process", pid_file=str(tmp_path / "shop.pid"))["process:x"]
    by_unit = observed("process", unit="shop.service")["process:x"]

    assert by_file["status"] == "critical"
    assert by_unit["status"] == "critical"


def test_a_pid_file_may_have_more_lines(tree: Tree, observed: Observed, tmp_path: Path) -> None:
    tree.add(10)
    (tmp_path / "postmaster.pid").write_text("10\n/var/lib/postgresql\n" + "x" * 100_000)

    assert (
        observed("process", pid_file=str(tmp_path / "postmaster.pid"))["process:x"]["status"]
        == "ok"
    )


@pytest.mark.parametrize("target", ["/etc/shadow", "/dev/zero", "/proc/kmsg"])
def test_a_pid_file_shows_no_other_file(
    tree: Tree, observed: Observed, tmp_path: Path, target: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("root:$y$j9T$TOPSECRET:19000\n")
    path = tmp_path / "shop.pid"
    path.symlink_to(secret if target == "/etc/shadow" else target)

    found = observed("process", pid_file=str(path))["process:x"]

    assert found["status"] == "unknown"
    assert "SECRET" not in str(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link of another user")
def test_a_link_of_another_user_is_not_followed(observed: Observed, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "shop.pid").symlink_to("/proc/1/stat")
    os.chown(theirs / "shop.pid", 65534, 65534, follow_symlinks=False)
    os.chown(theirs, 65534, 65534)

    found = observed("process", pid_file=str(theirs / "shop.pid"))["process:x"]

    assert found["status"] == "unknown"
    assert "is a link" in found["message"]
