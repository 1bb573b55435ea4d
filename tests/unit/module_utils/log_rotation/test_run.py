# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation with the real logrotate: predicted, done, done again, and under bad conditions."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.run import RotationError

from tests.unit.module_utils.log_rotation.logrotate_samples import (
    LOGROTATE,
    Sandbox,
    changes_of,
    status_of,
)

DAY = 86400


def next_second() -> None:
    """Wait for another second on the clock, which is what tells two rotated files apart."""
    start = int(time.time())
    while int(time.time()) == start:
        time.sleep(0.01)
    time.sleep(0.05)  # logrotate asks time(2), which may lag behind by a tick of the kernel


@pytest.mark.requirement("R-fairedge-27")
def test_check_mode_predicts_the_run_and_the_second_run_changes_nothing(box: Sandbox) -> None:
    box.log("small.log", 10)
    big = box.log("big.log", 5000)
    before = box.snapshot()
    predicted = box.run(check_mode=True)

    assert box.snapshot() == before

    done = box.run()

    assert changes_of(predicted) == changes_of(done)
    assert done.rotated == [str(big)]
    assert done.started == [str(box.root / "logs/small.log")]

    again = box.run()

    assert changes_of(again) == (False, [], [], [], [])
    assert status_of(again, "log:api") == "ok"
    assert big.stat().st_mode & 0o777 == 0o640


def test_two_rotations_on_one_day_keep_both_files(box: Sandbox) -> None:
    for _ in range(2):
        box.log("a.log", 2000)
        box.run()
        next_second()

    segments = [name for name in box.names() if name != "a.log"]

    assert len(segments) == 2
    assert [name.endswith(".zst") for name in segments] == [True, False]


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
    outcome = box.run()

    assert status_of(outcome, "log:api") == "ok"
    assert log.read_text() == "first\n"
    assert log.stat().st_mode & 0o777 == 0o640
    assert len(box.names()) == 2


@pytest.mark.parametrize(
    ("compression", "program", "ending"),
    [("zstd", ["zstd", "-dcq"], ".zst"), ("gzip", ["gzip", "-dc"], ".gz")],
)
def test_compression_at_rotation(
    box: Sandbox, compression: str, program: list[str], ending: str
) -> None:
    box.log("a.log", 2000)
    box.run(compress_after_days=0, compression=compression)
    [segment] = (box.root / "logs").glob("a.log-*")
    done = subprocess.run([*program, str(segment)], capture_output=True, check=True)

    assert segment.suffix == ending
    assert done.stdout == b"x" * 2000


def test_without_zstd_gzip_does_it_and_that_is_said(box: Sandbox) -> None:
    box.host = replace(box.host, zstd="/no/such/zstd")
    box.log("a.log", 2000)
    outcome = box.run(compress_after_days=0)

    assert status_of(outcome, "logrotate:program") == "warning"
    assert [path.suffix for path in (box.root / "logs").glob("a.log-*")] == [".gz"]
    assert box.run(compress_after_days=0).changed is False


def rotated_name(days: float) -> str:
    """Return what a name gets when its log is rotated so many days ago."""
    return time.strftime("-%Y%m%d-%H%M%S", time.localtime(time.time() - days * DAY))


def test_a_quiet_log_has_its_last_rotated_file_compressed_in_time(box: Sandbox) -> None:
    box.log("a.log", 0)
    waits, late = box.log(f"a.log{rotated_name(6)}", 5000), box.log(f"a.log{rotated_name(8)}", 5000)
    predicted = box.run(check_mode=True, compress_after_days=7)
    done = box.run(compress_after_days=7)

    assert predicted.compressed == done.compressed == [str(late)]
    assert waits.exists()
    assert not late.exists()
    assert Path(f"{late}.zst").stat().st_size < 5000
    assert box.run(compress_after_days=7).changed is False


def test_a_file_that_a_writer_still_has_open_waits(box: Sandbox) -> None:
    box.log("a.log", 0)
    late = box.log(f"a.log{rotated_name(8)}", 5000)
    with late.open("ab"):
        assert box.run(compress_after_days=7).compressed == []

    assert late.exists()


def test_a_file_that_cannot_be_compressed_stays_and_is_critical(box: Sandbox) -> None:
    box.log("a.log", 0)
    late = box.log(f"a.log{rotated_name(8)}", 5000)
    Path(f"{late}.zst").mkdir()
    outcome = box.run(compress_after_days=7)

    assert outcome.compressed == []
    assert late.stat().st_size == 5000
    assert status_of(outcome, "log:api") == "critical"


def test_what_a_log_left_that_is_gone_goes_on_time(box: Sandbox) -> None:
    box.log("other.log", 10)
    old, young = (box.log(f"gone.log{rotated_name(days)}.zst", 5) for days in (31, 29))
    stranger = box.log("unlike.txt" + rotated_name(31), 5)
    done = box.run()

    assert done.removed == [str(old)]
    assert young.exists()
    assert stranger.exists()
    assert status_of(done, "log:api.retention") == "ok"


def test_a_log_that_is_gone_for_good_still_has_its_retention(box: Sandbox) -> None:
    old = box.log(f"gone.log{rotated_name(31)}.zst", 5)
    predicted = box.run(check_mode=True)
    done = box.run()

    assert predicted.removed == done.removed == [str(old)]
    assert status_of(predicted, "log:api.retention") == "warning"


def test_the_brake_takes_the_oldest_first_and_never_the_newest(box: Sandbox) -> None:
    box.log("a.log", 0)
    oldest, middle, newest = (box.log(f"a.log{rotated_name(days)}.zst", 800) for days in (5, 4, 3))
    done = box.run(max_total="2k")

    assert done.removed == [str(oldest)]
    assert status_of(done, "log:api.total") == "warning"
    again = box.run(max_total="2k")
    assert again.changed is False
    assert status_of(again, "log:api.total") == "ok"

    assert box.run(max_total="1").removed == [str(middle)]
    assert newest.exists()


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
    predicted = box.run(check_mode=True)

    assert predicted.removed == [str(old)]
    assert status_of(predicted, "log:api.retention") == "warning"
    assert changes_of(box.run()) == changes_of(predicted)
    assert not old.exists()
    assert young.exists()


def test_a_locked_state_file_is_a_warning_and_nothing_is_rotated(box: Sandbox) -> None:
    box.log("a.log", 2000)
    box.state.touch(mode=0o640)  # a lock on a file that all may read is ignored by logrotate
    with box.state.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        outcome = box.run()

    assert outcome.rotated == []
    assert status_of(outcome, "logrotate:state") == "warning"
    assert box.names() == ["a.log"]
    assert box.run().rotated


def test_the_timer_of_the_host_at_the_same_moment_rotates_nothing_twice(box: Sandbox) -> None:
    """Both work with one state file, whose lock logrotate takes before it looks at any log."""
    box.run()
    box.state.touch(mode=0o640)

    for size in (2000, 3000, 4000):
        next_second()
        before = {name.removesuffix(".zst") for name in box.names()}
        box.log("a.log", size)
        argv = [LOGROTATE, "-v", "-s", str(box.state), box.host.main_config]
        timer = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        outcome = box.run()
        said = timer.communicate(timeout=60)[0]

        new = {name.removesuffix(".zst") for name in box.names()} - before - {"a.log"}
        assert len(new) == 1, (new, said)
        kept = [path for path in (box.root / "logs").glob("a.log-*") if path.stat().st_size == size]
        assert len(kept) == 1, said
        assert status_of(outcome, "logrotate:state") in ("ok", "warning")
        assert timer.returncode in (0, 3), said


def test_a_state_file_that_all_may_read_is_locked_from_its_second_use_on(box: Sandbox) -> None:
    """logrotate locks no file that others could lock, and takes that right away as it writes."""
    box.state.write_text("logrotate state -- version 2\n")
    box.state.chmod(0o644)
    box.log("a.log", 2000)

    assert box.run().rotated

    assert box.state.stat().st_mode & 0o777 == 0o640


def test_a_configuration_that_logrotate_refuses_replaces_nothing(box: Sandbox) -> None:
    box.log("a.log", 2000)
    box.run()
    before = box.snapshot()

    with pytest.raises(RotationError, match="nosuchuser"):
        box.run(owner="nosuchuser")

    assert box.snapshot() == before


def test_a_file_with_blanks_in_its_name_is_rotated_like_any_other(box: Sandbox) -> None:
    path = box.log("with blank.log", 2000)
    assert box.run().rotated == [str(path)]
    assert not box.run().changed


def test_what_cannot_be_seen_is_unknown(box: Sandbox) -> None:
    assert status_of(box.run(), "log:api") == "unknown"
    (box.root / "logs/link.log").symlink_to("/etc/hostname")
    assert status_of(box.run(), "log:api") == "unknown"


@pytest.mark.skipif(
    os.geteuid() != 0, reason="logrotate lets other users rotate in their own folders"
)
def test_a_folder_that_others_may_write_is_still_rotated_as_its_owner(box: Sandbox) -> None:
    (box.root / "logs").chmod(0o777)
    box.log("a.log", 2000)
    assert box.run().rotated


def test_a_configuration_that_others_may_write_is_repaired(box: Sandbox) -> None:
    """logrotate would skip the file without a word in its exit code."""
    box.log("a.log", 1)
    box.run()
    box.config.chmod(0o666)

    assert box.run(check_mode=True).changed
    assert box.run().changed
    assert box.config.stat().st_mode & 0o777 == 0o644
    assert not box.run().changed


def test_a_configuration_that_is_a_link_is_replaced_and_its_target_stays(box: Sandbox) -> None:
    box.log("a.log", 1)
    target = box.root / "target"
    target.write_text("keep")
    box.config.symlink_to(target)

    box.run()

    assert not box.config.is_symlink()
    assert target.read_text() == "keep"


def test_a_damaged_state_file_is_reported_and_repaired(box: Sandbox) -> None:
    box.log("a.log", 1)
    box.state.write_text("logrotate state -- version 2\nnonsense\n")
    outcome = box.run()
    assert status_of(outcome, "logrotate:state") == "warning"
    assert status_of(box.run(), "logrotate:state") == "ok"


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
    box.host = replace(box.host, program=str(broken))

    outcome = box.run(reopen="copytruncate")

    assert status_of(outcome, "log:api") == "critical"
    assert log.read_bytes() == b"x" * 2000


def test_another_configuration_for_the_same_file_is_a_warning(box: Sandbox) -> None:
    path = box.log("a.log", 1)
    box.run()
    old = box.root / "old"
    old.write_text(f"{path} {{\n  weekly\n}}\n")
    old.chmod(0o644)
    Path(box.host.main_config).write_text(f"include {old}\ninclude {box.config}\n")

    assert status_of(box.run(), "logrotate:duplicates") == "warning"


def test_before_logrotate_is_installed_check_mode_predicts_the_same(box: Sandbox) -> None:
    box.log("small.log", 10)
    box.log("big.log", 5000)
    present = box.host
    box.host = replace(present, program=None)

    predicted = box.run(check_mode=True)

    assert status_of(predicted, "logrotate:program") == "unknown"
    with pytest.raises(RotationError, match="install the package"):
        box.run()

    box.host = present

    assert changes_of(predicted) == changes_of(box.run())
