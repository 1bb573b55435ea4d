# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation with the real logrotate: predicted, done, done again, and under bad conditions."""

from __future__ import annotations

import fcntl
import getpass
import gzip
import json
import os
import shutil
import time
import typing as t
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.host import LogrotateHost
from ansible.module_utils.upkeep.log_rotation.run import RotationError, RotationOutcome, run
from ansible.module_utils.upkeep.log_rotation.settings import RotationSettings, parse

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE, entry

DAY = 86400


@dataclass
class Sandbox:
    """The files of one host under a temporary folder."""

    root: Path
    host: LogrotateHost

    @property
    def config(self) -> Path:
        return self.root / "upkeep-demo"

    @property
    def state(self) -> Path:
        return self.root / "status"

    def entry(self, **changes: t.Any) -> dict[str, t.Any]:
        user = getpass.getuser()
        defaults = {
            "paths": [f"{self.root}/logs/*.log"],
            "owner": user,
            "group": user,
            "max_size": "1k",
        }

        return entry(**{**defaults, **changes})

    def settings(self, *entries: dict[str, t.Any]) -> RotationSettings:
        return parse(
            {
                "logs": list(entries),
                "config_path": str(self.config),
                "state_path": str(self.state),
            }
        )

    def run(self, check_mode: bool = False, **changes: t.Any) -> RotationOutcome:
        """Run for one log."""
        return run(self.settings(self.entry(**changes)), self.host, check_mode)

    def run_all(self, *entries: dict[str, t.Any], check_mode: bool = False) -> RotationOutcome:
        return run(self.settings(*entries), self.host, check_mode)

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

    return Sandbox(tmp_path, LogrotateHost(LOGROTATE, str(main)))


def next_second() -> None:
    """Wait for another second on the clock, which is what tells two rotated files apart."""
    start = int(time.time())
    while int(time.time()) == start:
        time.sleep(0.01)


def changes_of(outcome: RotationOutcome) -> tuple[t.Any, ...]:
    return (
        outcome.changed,
        sorted(outcome.rotated),
        sorted(outcome.started),
        sorted(outcome.removed),
        outcome.diff,
    )


def status_of(outcome: RotationOutcome, check: str) -> str:
    return next(finding["status"] for finding in outcome.findings if finding["check"] == check)


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
    outcome = box.run()

    assert status_of(outcome, "log:api") == "ok"
    assert log.read_text() == "first\n"
    assert log.stat().st_mode & 0o777 == 0o640
    assert len(box.names()) == 2


def test_compression_at_rotation(box: Sandbox) -> None:
    box.log("a.log", 2000)
    box.run(compress_after_days=0)
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


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        'a".log',
        "a\\.log",
        "a\nconsidering log b.log",
        "a\nerror: x.log",
        "a\tb.log",
        "a\x1b[31m.log",
        "a\udcff.log",
        "a{b}.log",
        "a\nHandling 7 logs\nb.log",
    ],
)
def test_an_odd_file_name_costs_that_file_only(box: Sandbox, name: str, check_mode: bool) -> None:
    box.log(name, 2000)
    good = box.log("good.log", 2000)

    outcome = box.run(check_mode)

    assert outcome.rotated == [str(good)]
    assert status_of(outcome, "log:api") == "unknown"
    assert (box.root / "logs" / name).stat().st_size == 2000
    json.dumps(vars(outcome), ensure_ascii=False).encode()  # what the module returns can be printed


@pytest.mark.parametrize("name", ["a[1].log", "a*.log", "a?.log", "-v.log", "$(id).log", "ä.log"])
def test_a_name_with_signs_of_a_pattern_is_rotated_like_any_other(box: Sandbox, name: str) -> None:
    path = box.log(name, 2000)

    assert box.run().rotated == [str(path)]
    assert not box.run().changed


def hard_link(path: Path) -> None:
    path.with_name("copy").hardlink_to(path)


def link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))


def dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize("spoil", [hard_link, link, dead_link])
def test_a_file_that_logrotate_skips_costs_that_file_only(
    box: Sandbox, spoil: t.Callable[[Path], None]
) -> None:
    odd, good = box.log("odd.log", 2000), box.log("good.log", 2000)
    (box.root / "other").mkdir()
    other = box.root / "other" / "b.log"
    other.write_bytes(b"x" * 2000)
    spoil(odd)
    entries = [box.entry(), box.entry(name="other", paths=[str(other)])]

    for check_mode in (True, False):
        outcome = box.run_all(*entries, check_mode=check_mode)

        assert sorted(outcome.rotated) == [str(good), str(other)]
        assert status_of(outcome, "log:api") == "unknown"
        assert status_of(outcome, "log:other") == "ok"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_what_is_no_file_does_not_stop_the_others(
    box: Sandbox, make: t.Callable[[Path], None]
) -> None:
    make(box.root / "logs" / "odd.log")
    good = box.log("good.log", 2000)

    assert box.run().rotated == [str(good)]


def test_a_file_of_two_logs_is_rotated_by_the_first_and_stops_neither(box: Sandbox) -> None:
    """logrotate skips the second one as a whole, so its other files would grow for ever."""
    shared, first, second = (box.log(name, 2000) for name in ("ab.log", "ac.log", "zb.log"))
    one = box.entry(name="one", paths=[f"{box.root}/logs/a*.log"])
    two = box.entry(name="two", paths=[f"{box.root}/logs/*b.log"])

    outcome = box.run_all(one, two)

    assert sorted(outcome.rotated) == sorted(map(str, (shared, first, second)))
    assert status_of(outcome, "log:one") == "ok"
    assert status_of(outcome, "log:two") == "warning"
    assert not box.run_all(one, two).changed


@pytest.mark.parametrize("when", ["2027-1-2-3:4:5", "2037-12-31-23:59:59"])
def test_a_state_from_the_future_is_a_warning_and_no_failure(box: Sandbox, when: str) -> None:
    log = box.log("a.log", 10)
    box.state.write_text(f'logrotate state -- version 2\n"{log}" {when}\n')
    predicted = box.run(check_mode=True, max_size=None)

    outcome = box.run(max_size=None)

    assert predicted.rotated == outcome.rotated == [str(log)]
    assert status_of(outcome, "log:api") == "ok"
    assert status_of(predicted, "logrotate:state") == "warning"
    assert status_of(outcome, "logrotate:state") == "warning"
    assert status_of(box.run(max_size=None), "logrotate:state") == "ok"


def as_folder(path: Path) -> None:
    path.mkdir()


def as_fifo(path: Path) -> None:
    os.mkfifo(path)


def as_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [as_folder, as_fifo, as_link_to_a_device])
def test_a_state_file_that_is_none_is_critical_and_ends_in_time(
    box: Sandbox, make: t.Callable[[Path], None]
) -> None:
    log = box.log("a.log", 2000)
    make(box.state)

    outcome = box.run()

    assert outcome.rotated == []
    assert status_of(outcome, "logrotate:state") == "critical"
    assert status_of(outcome, "log:api") == "unknown"
    assert log.stat().st_size == 2000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"logrotate state -- version 9\n",
        b'logrotate state -- version 2\n"/x" 2026-13-40-1:1:1\n',
        b'logrotate state -- version 2\n"/x',
        b"\xff\xfe" * 50,
    ],
    ids=["empty", "nul", "version", "date", "cut", "binary"],
)
def test_a_damaged_state_file_stops_nothing(box: Sandbox, content: bytes) -> None:
    log = box.log("a.log", 2000)
    box.state.write_bytes(content)

    outcome = box.run()

    assert outcome.rotated == [str(log)]
    assert status_of(outcome, "log:api") == "ok"
    assert status_of(box.run(), "logrotate:state") == "ok"


def test_a_logrotate_that_cannot_be_understood_fails_no_task(box: Sandbox) -> None:
    box.log("a.log", 2000)
    program = box.root / "logrotate"
    program.write_text(
        f'#!/bin/sh\n[ "$3" = {box.state} ] && exec echo nonsense\nexec {LOGROTATE} "$@"\n'
    )
    program.chmod(0o755)
    box.host = replace(box.host, program=str(program))

    outcome = box.run()

    assert status_of(outcome, "logrotate:state") == "critical"
    assert status_of(outcome, "log:api") == "unknown"


def test_old_files_of_another_naming_are_reported(box: Sandbox) -> None:
    box.log("a.log", 0)
    for name in ("a.log.3.gz", "a.log-20240101.gz"):
        os.utime(box.log(name, 5), (0, time.time() - 60 * DAY))

    outcome = box.run()

    assert status_of(outcome, "log:api.retention") == "warning"
    assert outcome.removed == []
