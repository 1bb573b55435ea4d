# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a release says about its units lies where systemd reads it at boot."""

from __future__ import annotations

import shutil
import subprocess
import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.switching import drop_ins, unit_files

from tests.unit.module_utils.switching.conftest import UNIT, Service

WORKER: t.Final = "shop-worker.service"


def drop_in(unit: str) -> Path:
    return Path(unit_files.drop_in_path(unit))


def test_a_unit_is_as_its_release_says_where_that_is_not_mounted_yet(service: Service) -> None:
    service.add("1")
    drop_ins.install(service.releases, [UNIT], "1")

    shutil.move(service.releases.root, f"{service.releases.root}-away")

    assert "/releases/1/code" in drop_in(UNIT).read_text()


def test_a_link_into_a_release_becomes_a_file(service: Service) -> None:
    service.add("1")
    drop_in(UNIT).parent.mkdir()
    drop_in(UNIT).symlink_to(service.releases.path("1", "units", f"{UNIT}.conf"))

    assert drop_ins.install(service.releases, [UNIT], "1") is True
    assert drop_in(UNIT).is_symlink() is False
    assert drop_ins.install(service.releases, [UNIT], "1") is False


def test_a_unit_that_a_release_does_not_know_loses_what_a_later_one_said(
    service: Service,
) -> None:
    service.add("1")
    drop_in(WORKER).parent.mkdir()
    drop_in(WORKER).write_text("[Service]\nExecStart=/releases/2/work\n")

    drop_ins.install(service.releases, [UNIT, WORKER], "1")

    assert "ExecStart" not in drop_in(WORKER).read_text()


def test_what_is_prepared_only_needs_a_new_name(service: Service) -> None:
    """The way back of the host itself works on a full disk, and once more when it was ended."""
    previous, target = service.add("1"), service.add("2")
    drop_ins.install(service.releases, [UNIT], "2")
    drop_ins.prepare(service.releases, [UNIT], "1")
    steps = unit_files.undo_steps(service.server(), [], service.releases.root, previous, target)
    step = next(step for step in steps if step[-1] == unit_files.drop_in_path(UNIT))

    assert "/releases/2/code" in drop_in(UNIT).read_text()
    assert step[:2] == ["-", "/usr/bin/mv"]
    subprocess.run(step[1:], check=True)
    assert "/releases/1/code" in drop_in(UNIT).read_text()
    assert steps.index(step) < steps.index(["/usr/bin/systemctl", "daemon-reload"])


def test_what_was_prepared_is_forgotten(service: Service) -> None:
    service.add("1")
    drop_ins.prepare(service.releases, [UNIT], "1")
    assert list(drop_in(UNIT).parent.glob("*.conf")) == []

    drop_ins.forget([UNIT, WORKER])

    assert list(drop_in(UNIT).parent.iterdir()) == []
