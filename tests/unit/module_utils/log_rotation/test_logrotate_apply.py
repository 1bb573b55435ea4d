# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole job against the real logrotate: predicted, done, done again, and done under bad conditions."""

from __future__ import annotations

import fcntl
import getpass
import gzip
import os
import shutil
import time
import typing as t
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.host import Host
from ansible.module_utils.upkeep.log_rotation.run import Outcome, RotationError, manage
from ansible.module_utils.upkeep.log_rotation.settings import LogSpec, SpecError, parse_specs

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE, entry

DAY = 86400


@dataclass
class Sandbox:
    """One host's worth of files under a temporary folder."""

    root: Path
    host: Host

    def spec(self, **changes: t.Any) -> list[LogSpec]:
        user = getpass.getuser()
        defaults = {
            "paths": [f"{self.root}/logs/*.log"],
            "owner": user,
            "group": user,
            "max_size": "1k",
        }
        return parse_specs([entry(**{**defaults, **changes})])

    def log(self, name: str, size: int) -> Path:
        path = self.root / "logs" / name
        path.write_bytes(b"x" * size)
        return path

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Return mode and content of every file, to see that nothing was touched."""
        files = [path for path in self.root.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mode, path.read_bytes()) for path in files}

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.root / "logs").iterdir())


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    (tmp_path / "logs").mkdir()
    main = tmp_path / "logrotate.conf"
    main.write_text(f"include {tmp_path}/upkeep-demo\n")
    main.chmod(0o644)
    host = Host(LOGROTATE, None, str(tmp_path / "upkeep-demo"), str(tmp_path / "status"), str(main))

    return Sandbox(tmp_path, host)


def next_second() -> None:
    """Wait for another second on the clock, which is what tells two rotated files apart."""
    start = int(time.time())
    while int(time.time()) == start:
        time.sleep(0.01)


def said(outcome: Outcome) -> tuple[t.Any, ...]:
    return (
        outcome.changed,
        sorted(outcome.rotated),
        sorted(outcome.started),
        sorted(outcome.removed),
        outcome.diff,
    )


def status_of(outcome: Outcome, check: str) -> str:
    return next(finding["status"] for finding in outcome.findings if finding["check"] == check)


@pytest.mark.requirement("R-fairedge-27")
def test_check_mode_predicts_the_run_and_the_second_run_changes_nothing(box: Sandbox) -> None:
    box.log("small.log", 10)
    big = box.log("big.log", 5000)
    before = box.snapshot()
    predicted = manage(box.spec(), box.host, check_mode=True)

    assert box.snapshot() == before

    done = manage(box.spec(), box.host, check_mode=False)

    assert said(predicted) == said(done)
    assert done.rotated == [str(big)]
    assert done.started == [str(box.root / "logs/small.log")]

    again = manage(box.spec(), box.host, check_mode=False)

    assert said(again) == (False, [], [], [], [])
    assert status_of(again, "log:api") == "ok"
    assert big.stat().st_mode & 0o777 == 0o640


def test_two_rotations_on_one_day_keep_both_files(box: Sandbox) -> None:
    for _ in range(2):
        box.log("a.log", 2000)
        manage(box.spec(), box.host, check_mode=False)
        next_second()

    segments = [name for name in box.names() if name != "a.log"]

    assert len(segments) == 2
    assert [name.endswith(".gz") for name in segments] == [True, False]


def test_a_file_that_the_writer_made_first_is_kept(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer may be faster than the script after the rename.

    Its first lines stay where they are.
    """
    log = box.log("a.log", 2000)
    # The first program of that script, with a writer that gets in before it.
    faster = box.root / "bin" / "setpriv"
    faster.parent.mkdir()
    faster.write_text(
        f'#!/bin/sh\numask 0; echo first >> {log}\nexec {shutil.which("setpriv")} "$@"\n'
    )
    faster.chmod(0o755)
    monkeypatch.setenv("PATH", f"{faster.parent}:{os.environ['PATH']}")
    outcome = manage(box.spec(), box.host, check_mode=False)

    assert status_of(outcome, "log:api") == "ok"
    assert log.read_text() == "first\n"
    assert log.stat().st_mode & 0o777 == 0o640
    assert len(box.names()) == 2


def test_compression_at_rotation(box: Sandbox) -> None:
    box.log("a.log", 2000)
    manage(box.spec(compress_after_days=0), box.host, check_mode=False)
    [segment] = (box.root / "logs").glob("a.log-*")
    assert gzip.decompress(segment.read_bytes()) == b"x" * 2000


def test_old_files_of_a_quiet_log_go_on_time(box: Sandbox) -> None:
    box.log("a.log", 0)
    old, young = (
        box.log(
            "a.log"
            + time.strftime("-%Y%m%d-%H%M%S", time.localtime(time.time() - days * DAY))
            + ".gz",
            5,
        )
        for days in (31, 29)
    )
    predicted = manage(box.spec(), box.host, check_mode=True)

    assert predicted.removed == [str(old)]
    assert status_of(predicted, "log:api.retention") == "warning"
    assert said(manage(box.spec(), box.host, check_mode=False)) == said(predicted)
    assert not old.exists()
    assert young.exists()


def test_a_locked_state_file_is_a_warning_and_nothing_is_rotated(box: Sandbox) -> None:
    box.log("a.log", 2000)
    Path(box.host.state_path).touch(
        mode=0o640
    )  # a lock on a file that all may read is ignored by logrotate
    with Path(box.host.state_path).open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        outcome = manage(box.spec(), box.host, check_mode=False)

    assert outcome.rotated == []
    assert status_of(outcome, "logrotate:state") == "warning"
    assert box.names() == ["a.log"]
    assert manage(box.spec(), box.host, check_mode=False).rotated


def test_a_configuration_that_logrotate_refuses_replaces_nothing(box: Sandbox) -> None:
    box.log("a.log", 2000)
    manage(box.spec(), box.host, check_mode=False)
    before = box.snapshot()

    with pytest.raises(RotationError, match="nosuchuser"):
        manage(box.spec(owner="nosuchuser"), box.host, check_mode=False)

    assert box.snapshot() == before


def test_two_entries_for_one_file_are_refused(box: Sandbox) -> None:
    path = str(box.log("a.log", 1))
    specs = box.spec(name="one", paths=[path]) + box.spec(name="two", paths=[path])
    with pytest.raises(RotationError, match="duplicate"):
        manage(specs, box.host, check_mode=True)


@pytest.mark.parametrize("name", ["a\nconsidering log b.log", 'a".log', "a\\.log"])
def test_a_hostile_file_name_is_refused_before_anything_happens(box: Sandbox, name: str) -> None:
    box.log(name, 2000)
    before = box.snapshot()
    with pytest.raises(SpecError, match="refused"):
        manage(box.spec(), box.host, check_mode=False)
    assert box.snapshot() == before


def test_a_file_with_blanks_in_its_name_is_rotated_like_any_other(box: Sandbox) -> None:
    path = box.log("with blank.log", 2000)
    assert manage(box.spec(), box.host, check_mode=False).rotated == [str(path)]
    assert not manage(box.spec(), box.host, check_mode=False).changed


def test_what_cannot_be_seen_is_unknown(box: Sandbox) -> None:
    assert status_of(manage(box.spec(), box.host, check_mode=False), "log:api") == "unknown"
    (box.root / "logs/link.log").symlink_to("/etc/hostname")
    assert status_of(manage(box.spec(), box.host, check_mode=False), "log:api") == "unknown"


@pytest.mark.skipif(
    os.geteuid() != 0, reason="logrotate lets other users rotate in their own folders"
)
def test_a_folder_that_others_may_write_is_still_rotated_as_its_owner(box: Sandbox) -> None:
    (box.root / "logs").chmod(0o777)
    box.log("a.log", 2000)
    assert manage(box.spec(), box.host, check_mode=False).rotated


def test_a_configuration_that_others_may_write_is_repaired(box: Sandbox) -> None:
    """logrotate would skip the file without a word in its exit code."""
    box.log("a.log", 1)
    manage(box.spec(), box.host, check_mode=False)
    Path(box.host.config_path).chmod(0o666)

    assert manage(box.spec(), box.host, check_mode=True).changed
    assert manage(box.spec(), box.host, check_mode=False).changed
    assert Path(box.host.config_path).stat().st_mode & 0o777 == 0o644
    assert not manage(box.spec(), box.host, check_mode=False).changed


def test_a_draft_that_a_crash_left_behind_is_in_nobodys_way(box: Sandbox) -> None:
    box.log("a.log", 1)
    draft = Path(box.host.config_path + ".disabled")
    draft.write_text("half a conf")
    manage(box.spec(), box.host, check_mode=False)
    assert not draft.exists()


def test_a_damaged_state_file_is_said_and_healed(box: Sandbox) -> None:
    box.log("a.log", 1)
    Path(box.host.state_path).write_text("logrotate state -- version 2\nnonsense\n")
    outcome = manage(box.spec(), box.host, check_mode=False)
    assert status_of(outcome, "logrotate:state") == "warning"
    assert status_of(manage(box.spec(), box.host, check_mode=False), "logrotate:state") == "ok"


def test_a_failing_rotation_is_critical_and_loses_nothing(box: Sandbox) -> None:
    log = box.log("a.log", 2000)
    (box.root / "status").touch()
    broken = box.root / "logrotate"
    # The disk fills up between the question and the rotation: the real program, with no room to
    # write a file.
    broken.write_text(
        f'#!/bin/sh\ntrap "" XFSZ\n[ "$1" = -v ] && ulimit -f 0\nexec {LOGROTATE} "$@"\n'
    )
    broken.chmod(0o755)
    outcome = manage(
        box.spec(reopen="copytruncate"), replace(box.host, program=str(broken)), check_mode=False
    )

    assert status_of(outcome, "log:api") == "critical"
    assert log.read_bytes() == b"x" * 2000


def test_another_configuration_for_the_same_file_is_a_warning(box: Sandbox) -> None:
    path = box.log("a.log", 1)
    manage(box.spec(), box.host, check_mode=False)
    old = box.root / "old"
    old.write_text(f"{path} {{\n  weekly\n}}\n")
    old.chmod(0o644)
    Path(box.host.main_config).write_text(f"include {old}\ninclude {box.host.config_path}\n")

    assert (
        status_of(manage(box.spec(), box.host, check_mode=False), "logrotate:duplicates")
        == "warning"
    )


def test_before_logrotate_is_installed_check_mode_still_tells_the_truth(box: Sandbox) -> None:
    box.log("small.log", 10)
    box.log("big.log", 5000)
    absent = replace(box.host, program=None)
    predicted = manage(box.spec(), absent, check_mode=True)

    assert said(predicted) == said(manage(box.spec(), box.host, check_mode=False))
    assert status_of(predicted, "logrotate:program") == "unknown"
    with pytest.raises(RotationError, match="install the package"):
        manage(box.spec(), absent, check_mode=False)
