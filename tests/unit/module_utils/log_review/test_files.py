# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a log: rotated, packed, damaged, truncated while they are read, and other things."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.log_review import files, reading

from tests.unit.module_utils.log_review.log_samples import ago, count, findings, run, source


def about(*paths: Path | str, **arguments: t.Any) -> Finding:
    """Return what is said of a log of some files."""
    asked = source(
        paths=[str(path) for path in paths], reviews=[{"name": "errors", "pattern": "ERROR"}]
    )
    return findings(asked, **arguments)["log:app"]


def errors(*hours: float) -> str:
    return "".join(f"{ago(hours=hour)} ERROR app: x\n" for hour in hours)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text(errors(2, 1))
    return path


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gz", "bz2", "xz"]
)
def test_compressed_parts_count_as_the_rest(log: Path, pack: t.Callable[[bytes], bytes]) -> None:
    suffix = {"gzip": "gz", "bz2": "bz2", "lzma": "xz"}[pack.__module__]
    parts = errors(40, 30, 9), errors(8, 7)
    # Two streams one after the other, as appending to a compressed file leaves them.
    (log.parent / f"app.log-20260101-000000.{suffix}").write_bytes(
        b"".join(pack(part.encode()) for part in parts)
    )

    assert count(log, pattern="ERROR") == 5
    assert count(log, hours=100, pattern="ERROR") == 7


@pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")
def test_zstd_is_unpacked_by_its_tool(log: Path) -> None:
    older = log.parent / "app.log.1"
    older.write_text(errors(4, 3))
    subprocess.run(["zstd", "-q", "--rm", str(older)], check=True)

    assert count(log, pattern="ERROR") == 4

    (log.parent / "app.log.1.zst").write_bytes(b"\x28\xb5\x2f\xfd no more")

    assert (about(log)["status"], "is damaged" in about(log)["message"]) == ("unknown", True)


def test_a_host_without_zstd_is_told_what_to_install(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (log.parent / "app.log.1.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: None)
    found = about(log)

    assert (found["status"], "app.log.1.zst' needs the package zstd" in found["message"]) == (
        "unknown",
        True,
    ), found


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: b"\x1f\x8b no gzip", lambda data: data[:5]]
)
def test_a_damaged_part_makes_a_low_count_unknown(
    log: Path, damage: t.Callable[[bytes], bytes]
) -> None:
    (log.parent / "app.log.1.gz").write_bytes(
        damage(gzip.compress(errors(*range(30, 3, -1)).encode()))
    )
    found = about(log)

    assert found["status"] == "unknown"
    assert "app.log.1.gz" in found["message"]


def test_a_part_that_is_just_being_compressed_counts_once(log: Path) -> None:
    (log.parent / "app.log.1").write_text(errors(4, 3))
    (log.parent / "app.log.1.gz").write_bytes(gzip.compress(errors(4, 3).encode())[:30])
    assert count(log, pattern="ERROR") == 4


def test_old_parts_are_not_read(log: Path) -> None:
    for number in range(1, 20):
        older = "".join(errors(48.0 * number + hour) * 400 for hour in range(40, 0, -1))
        (log.parent / f"app.log.{number}").write_text(older)

    answer = run(source(paths=[str(log)], reviews=[{"name": "errors", "pattern": "ERROR"}]))

    assert answer["reviews"][0]["count"] == 2
    assert answer["bytes_read"] < 19 * 250_000 < 19 * len(older) / 2


def test_a_pattern_of_names_finds_each_log_once(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "a.log.1", "a.log-20260101", "b.log.2.gz", "c.txt"):
        (tmp_path / name).write_bytes(
            gzip.compress(b"") if name.endswith("gz") else errors(1).encode()
        )

    assert [path.name for path in files.live_paths([f"{tmp_path}/*.log*"])] == ["a.log", "b.log"]
    assert count(f"{tmp_path}/*.log", pattern="ERROR") == 4


def test_what_is_no_log_never_blocks_and_is_unknown(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.log")
    (tmp_path / "loop.log").symlink_to("loop.log")
    (tmp_path / "away.log").symlink_to("/etc/hostname")
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "null.log").symlink_to("/dev/null")

    for path in (
        *tmp_path.iterdir(),
        tmp_path / "none.log",
        tmp_path / "none" / "x.log",
        Path("/dev/zero"),
    ):
        found = about(path)
        assert found["status"] == "unknown", path

    assert about(tmp_path / "x*.log")["status"] == "unknown"


@contextlib.contextmanager
def without_rights() -> t.Iterator[Path]:
    """Give a folder that everybody may enter, and be nobody for as long."""
    with tempfile.TemporaryDirectory(prefix="upkeep-logs-") as name:
        Path(name).chmod(0o755)
        user = os.geteuid()
        try:
            yield Path(name)
        finally:
            os.seteuid(user)


@pytest.mark.parametrize("closed", ["folder", "app.log", "app.log.1"])
@pytest.mark.usefixtures("in_process")
def test_what_may_not_be_read_is_unknown(closed: str) -> None:
    with without_rights() as place:
        folder = place / "folder"
        folder.mkdir(mode=0o755)
        for name in ("app.log", "app.log.1"):
            (folder / name).write_text(errors(1))

        (place / "folder" / (closed if closed != "folder" else "")).chmod(0)
        if os.geteuid() == 0:
            os.seteuid(65534)

        found = about(folder / "app.log")
        pattern = about(folder / "*.log")

    assert (found["status"], "Permission denied" in found["message"]) == ("unknown", True), found
    assert pattern["status"] == "unknown", "no file fits, as far as one can see"


def test_a_link_within_the_folder_is_followed(log: Path) -> None:
    (log.parent / "current").symlink_to("app.log")
    assert count(log.parent / "current", pattern="ERROR") == 2


def test_hostile_names_and_bytes_are_told_harmlessly(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m\n.log"))
    lines = errors(*[2.0] * 30) + errors(1)
    path.write_bytes(lines.encode() + b"\x00\x00\xff\xfe \x1b]0;x\x07 ERROR\n")

    assert count(f"{tmp_path}/*.log", pattern="ERROR") == 31

    path.unlink()
    path.symlink_to("nowhere")
    message = about(path)["message"]

    assert message.isprintable()

    message.encode()


def test_one_unreadable_file_among_several_is_a_gap(log: Path) -> None:
    os.mkfifo(log.parent / "b.log")
    found = about(log, log.parent / "b.log")
    assert (found["status"], "b.log" in found["message"]) == ("unknown", True)


def test_a_hole_of_zeros_hides_nothing(log: Path) -> None:
    """What truncating a log under a writer that does not append leaves behind."""
    size = log.stat().st_size
    with log.open("r+b") as file:
        file.truncate(size + (20 << 20))
        file.seek(0, os.SEEK_END)
        file.write(errors(0.5).encode())

    assert count(log, pattern="ERROR") == 3


def test_a_log_truncated_while_it_is_read_is_read_again(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_text(errors(*([2.0] * 5000)))
    real, cut = reading.plain, []

    def truncating(*arguments: t.Any) -> t.Iterator[bytes]:
        for block in real(*arguments):
            yield block
            if not cut:
                cut.append(log.write_text(errors(1)))

    monkeypatch.setattr(reading, "plain", truncating)

    assert count(log, pattern="ERROR") == 1


def test_a_log_that_never_holds_still_is_unknown(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rounds = reading.plain, log.with_name("rounds")

    def truncating(*arguments: t.Any) -> t.Iterator[bytes]:
        yield from real(*arguments)
        with rounds.open("a") as file:
            file.write("x")
        log.write_text(errors(1)[: -rounds.stat().st_size])

    log.write_text(errors(*([2.0] * 5000)))
    monkeypatch.setattr(reading, "plain", truncating)
    found = about(log)

    assert (found["status"], "truncated" in found["message"], rounds.stat().st_size) == (
        "unknown",
        True,
        3,
    )


def test_reading_ends_in_time(log: Path) -> None:
    found = about(log, timeout=1e-9)
    assert (found["status"], "took longer" in found["message"]) == ("unknown", True)
