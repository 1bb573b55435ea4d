# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind filesystem."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import filesystem

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"paths": ["/"], "inodes": {"warning": 70}}

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
        "1 0 8:1 / / rw - ext4 a rw\n"
        f"2 0 8:2 / {tmp_path} rw - ext4 b rw\n3 0 8:3 / {info} rw - ext4 c rw\n"
    )
    found = observed("filesystem", paths="all", exclude=["/"], warning=100, critical=100)

    assert {name.removesuffix(".inodes") for name in found} == {f"filesystem:{tmp_path}"}

    info.write_text("")

    assert observed("filesystem", paths="all")["filesystem:x"]["status"] == "unknown"


@pytest.mark.parametrize("path", ["/proc", "/sys"])
def test_what_has_no_blocks_is_not_empty(observed: Observed, path: str) -> None:
    assert observed("filesystem", paths=[path])[f"filesystem:{path}"]["status"] == "unknown"
