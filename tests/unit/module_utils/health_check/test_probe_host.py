# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds that look at the host itself: filesystem, memory, load, unit."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import machine
from ansible.module_utils.upkeep.health_check.clients import mounts
from ansible.module_utils.upkeep.health_check.kinds import filesystem, memory, unit
from hypothesis import given
from hypothesis import strategies as st

Observed = Callable[..., dict[str, Finding]]

MOUNTINFO = """\
25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
26 25 0:5 / /dev rw shared:2 - devtmpfs udev rw
27 25 0:22 / /proc rw shared:5 - proc proc rw
28 25 0:24 / /tmp rw - tmpfs tmpfs rw
30 25 254:2 / /srv/with\\040blank rw - xfs /dev/vdb rw
31 25 254:2 /sub /srv/bind rw - xfs /dev/vdb rw
32 25 7:1 / /snap/core ro - squashfs /dev/loop1 ro
33 25 0:40 / /mnt/share rw - nfs4 nas.example.org:/x rw
34 25 0:41 / /pool rw - zfs pool rw
35 25 0:42 / /var/lib/engine/merged rw - overlay overlay rw
36 25 254:3 / /hidden rw - ext4 /dev/vdc rw
37 25 254:4 / /hidden rw - ext4 /dev/vdd rw
38 25 254:5 /etc/hosts /etc/hosts rw - ext4 /dev/vde rw
nonsense
"""


def test_local_file_systems_are_each_found_once() -> None:
    found = mounts.local(mounts.parse(MOUNTINFO))

    assert [(mount.point, mount.device) for mount in found] == [
        ("/", "254:1"),
        ("/etc/hosts", "254:5"),
        ("/hidden", "254:4"),
        ("/pool", "0:41"),
        ("/srv/with blank", "254:2"),
    ]


def test_the_root_of_a_container_counts() -> None:
    assert [
        m.point for m in mounts.local(mounts.parse("1 0 0:50 / / rw - overlay overlay rw\n"))
    ] == ["/"]


POINT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).map(
    lambda s: f"/{s}"
)


@given(
    st.lists(
        st.tuples(POINT, st.integers(0, 300), st.sampled_from(["ext4", "nfs", "tmpfs", "squashfs"]))
    )
)
def test_mountinfo_survives_a_round_trip(entries: list[tuple[str, int, str]]) -> None:
    def escaped(text: str) -> str:
        return "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in text)

    text = "".join(
        f"9 1 {n}:0 / {escaped(point)} rw - {kind} dev rw\n" for point, n, kind in entries
    )
    parsed = mounts.parse(text)

    assert [(m.point, m.device, m.kind) for m in parsed] == [
        (point, f"{n}:0", kind) for point, n, kind in entries
    ]

    chosen = mounts.local(parsed)

    assert len({m.device for m in chosen}) == len({m.point for m in chosen}) == len(chosen)
    assert set(chosen) <= set(parsed)


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    mounts.local(mounts.parse(text))
    memory.parse(text)
    unit.parse(text)


def counts(**changes: int) -> t.Any:
    return SimpleNamespace(
        **{
            "f_blocks": 1000,
            "f_bfree": 200,
            "f_bavail": 150,
            "f_files": 50,
            "f_ffree": 40,
            "f_frsize": 4096,
            **changes,
        }
    )


def test_space_is_counted_as_df_does() -> None:
    assert (
        filesystem.space_percent(counts()) == 84.2
    )  # 800 used of the 950 that are not kept for root
    assert filesystem.space_percent(counts(f_blocks=0, f_bfree=0, f_bavail=0)) == 0
    assert filesystem.inodes_percent(counts()) == 20
    assert filesystem.inodes_percent(counts(f_files=0, f_ffree=0)) is None


@pytest.mark.requirement("R-fairedge-15", "R-hyperopt-05")
def test_each_path_is_judged_by_its_own(
    observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {
        "/a": counts(),
        "/b": counts(f_bfree=5, f_bavail=5),
        "/c": counts(f_ffree=0, f_bfree=900, f_bavail=900),
    }

    def statvfs(path: str) -> t.Any:
        if path not in answers:
            raise OSError(5, "Input/output error")
        return answers[path]

    monkeypatch.setattr(os, "statvfs", statvfs)
    found = observed("filesystem", paths=["/a", "/b", "/c", "/d"], inodes={"critical": 99})

    assert {name: finding["status"] for name, finding in found.items()} == {
        "filesystem:/a": "warning",
        "filesystem:/a.inodes": "ok",
        "filesystem:/b": "critical",
        "filesystem:/b.inodes": "ok",
        "filesystem:/c": "ok",
        "filesystem:/c.inodes": "critical",
        "filesystem:/d": "unknown",
    }
    assert found["filesystem:/b"]["observed"] == 99.5


@pytest.mark.requirement("R-fairedge-15")
def test_all_takes_this_hosts_mounts(
    observed: Observed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "mountinfo"
    monkeypatch.setattr(filesystem, "MOUNTINFO", info)
    info.write_text(
        f"1 0 8:1 / / rw - ext4 a rw\n2 0 8:2 / {tmp_path} rw - ext4 b rw\n3 0 8:3 / {info} rw - ext4 c rw\n"
    )
    found = observed("filesystem", paths="all", exclude=["/"], warning=100, critical=100)

    assert {name.removesuffix(".inodes") for name in found} == {f"filesystem:{tmp_path}"}

    info.write_text("")

    assert observed("filesystem", paths="all")["filesystem:x"]["status"] == "unknown"


MEMINFO = "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 120 kB\nSwapTotal: 1000 kB\nSwapFree: 900 kB\n"


@pytest.mark.requirement("R-fairedge-14", "R-hyperopt-04")
@pytest.mark.parametrize(
    ("swap", "percent", "status"), [(False, 88.0, "warning"), (True, 49.0, "ok")]
)
def test_memory_that_can_still_be_had(
    observed: Observed,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    swap: bool,
    percent: float,
    status: str,
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    memory.MEMINFO.write_text(MEMINFO)
    found = observed("memory", include_swap=swap)["memory:x"]

    assert (found["observed"], found["status"], found["expected"]) == (
        percent,
        status,
        "at most 85",
    )

    memory.MEMINFO.write_text("MemTotal: 1000 kB\n")

    assert observed("memory")["memory:x"]["status"] == "unknown"

    memory.MEMINFO.unlink()

    assert observed("memory")["memory:x"]["status"] == "unknown"


@pytest.mark.parametrize(("load", "status"), [(1.0, "ok"), (8.0, "warning"), (20.0, "critical")])
def test_load_is_per_core(
    observed: Observed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: float, status: str
) -> None:
    monkeypatch.setattr(machine, "CONTAINER", tmp_path / "container")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, load, 0.0))
    found = observed("load")["load:x"]

    assert (found["status"], found["observed"]) == (status, load / 4)

    machine.CONTAINER.write_text("podman")

    assert observed("load")["load:x"]["status"] == "info", (
        "the machine's load is not the container's"
    )


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a systemctl with this body first on the path."""

    def install(body: str) -> None:
        program = tmp_path / "systemctl"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


SHOWN = "printf 'LoadState={}\\nActiveState={}\\nSubState={}\\nResult={}\\nNRestarts=4\\n'"


@pytest.mark.parametrize(
    ("state", "options", "status", "words"),
    [
        (("loaded", "active", "running", "success"), {}, "ok", "active (running)"),
        (
            ("loaded", "failed", "failed", "exit-code"),
            {},
            "critical",
            "failed (failed), last result: exit-code",
        ),
        (
            ("loaded", "activating", "auto-restart", "success"),
            {},
            "critical",
            "activating (auto-restart)",
        ),
        (("loaded", "inactive", "dead", "success"), {}, "critical", "inactive (dead)"),
        (
            ("loaded", "inactive", "dead", "success"),
            {"expect": ["active", "inactive"]},
            "ok",
            "inactive (dead)",
        ),
        (("masked", "inactive", "dead", "success"), {}, "critical", "masked"),
        (("masked", "inactive", "dead", "success"), {"expect": ["inactive"]}, "critical", "masked"),
        (("not-found", "inactive", "dead", "success"), {}, "critical", "does not exist"),
        (("", "", "", ""), {}, "unknown", "did not tell"),
    ],
)
def test_unit_states(
    systemctl: Callable[[str], None],
    observed: Observed,
    state: tuple[str, ...],
    options: dict[str, t.Any],
    status: str,
    words: str,
) -> None:
    systemctl(SHOWN.format(*state))
    found = observed("unit", unit="shop.service", **options)["unit:x"]
    assert (found["status"], words in found["message"]) == (status, True), found


def test_restarts_are_judged_when_limited(
    systemctl: Callable[[str], None], observed: Observed
) -> None:
    systemctl(SHOWN.format("loaded", "active", "running", "success"))

    assert list(observed("unit", unit="shop.service")) == ["unit:x"]
    assert (
        observed("unit", unit="shop.service", max_restarts=4)["unit:x.restarts"]["status"] == "ok"
    )

    found = observed("unit", unit="shop.service", max_restarts=3)["unit:x.restarts"]

    assert (found["status"], found["observed"]) == ("warning", 4)


@pytest.mark.parametrize("load", ["not-found", "masked"])
def test_restarts_of_a_unit_that_is_not_there_are_not_judged(
    systemctl: Callable[[str], None], observed: Observed, load: str
) -> None:
    systemctl(SHOWN.format(load, "inactive", "dead", "success"))
    assert list(observed("unit", unit="shop.service", max_restarts=4, max_new_restarts=0)) == [
        "unit:x"
    ]


def test_a_unit_name_cannot_become_an_option(
    systemctl: Callable[[str], None], observed: Observed
) -> None:
    systemctl(
        '[ "$3" = "--" ] && [ "$4" = "--help" ] && '
        + SHOWN.format("not-found", "inactive", "dead", "success")
    )
    assert "does not exist" in observed("unit", unit="--help")["unit:x"]["message"]


def test_a_host_without_an_answering_systemd_is_unknown(
    systemctl: Callable[[str], None], observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl("echo 'Failed to connect to bus' >&2; exit 1")

    assert "Failed to connect to bus" in observed("unit", unit="a.service")["unit:x"]["message"]

    systemctl("exec sleep 20")
    found = observed("unit", unit="a.service", timeout=0.2)["unit:x"]

    assert (found["status"], found["message"]) == ("unknown", "could not be observed within 0.2 s")

    monkeypatch.setenv("PATH", "/nowhere")
    found = observed("unit", unit="a.service")["unit:x"]

    assert (found["status"], found["message"]) == ("unknown", "this host has no systemctl")
