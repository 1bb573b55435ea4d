# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs as users of logrotate have reported them: files that nothing removed or that blocked all."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.module_utils.log_rotation.logrotate_samples import Sandbox, status_of

DAY = 86400


def rotated_name(days: float) -> str:
    """Return what a name gets when its log is rotated so many days ago."""
    return time.strftime("-%Y%m%d-%H%M%S", time.localtime(time.time() - days * DAY))


def packed(data: bytes, program: str = "zstd") -> bytes:
    """Return compressed data."""
    return subprocess.run([program, "-q", "-c"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_files_of_the_former_compression_go_on_time(box: Sandbox, compression: str) -> None:
    box.log("a.log", 10)
    old = {
        str(box.log(f"a.log{rotated_name(days)}{ending}", 50))
        for days, ending in ((31, ".gz"), (32, ".zst"), (33, ".xz"), (34, ".bz2"), (35, ""))
    }
    young = box.log(f"a.log{rotated_name(29)}.gz", 50)
    done = box.run(compression=compression)

    assert set(done.removed) == old
    assert young.exists()


@pytest.mark.parametrize(("compression", "ending"), [("zstd", ".zst"), ("gzip", ".gz")])
@pytest.mark.parametrize("kept", [0, 100])
def test_half_a_compressed_file_does_not_block_the_whole_one(
    box: Sandbox, compression: str, ending: str, kept: int
) -> None:
    box.log("a.log", 0)
    late = box.log(f"a.log{rotated_name(8)}", 5000)
    late.write_text("".join(f"line {number * 7919}\n" for number in range(5000)))
    text = late.read_bytes()
    half = Path(f"{late}{ending}")
    half.write_bytes(packed(text, compression)[:kept])
    done = box.run(compress_after_days=7, compression=compression)
    found = subprocess.run([compression, "-dc", str(half)], capture_output=True, check=True)

    assert done.compressed == [str(late)]
    assert found.stdout == text
    assert not late.exists()
    assert status_of(done, "log:api") == "ok"


@pytest.mark.parametrize("content", [packed(b"lines of another rotation\n"), b"not compressed"])
def test_another_file_in_the_place_of_a_compressed_one_stays(box: Sandbox, content: bytes) -> None:
    box.log("a.log", 0)
    late = box.log(f"a.log{rotated_name(8)}", 5000)
    other = Path(f"{late}.zst")
    other.write_bytes(content)
    done = box.run(compress_after_days=7)

    assert done.compressed == []
    assert late.stat().st_size == 5000
    assert other.read_bytes() == content
    assert status_of(done, "log:api") == "critical"


def test_half_a_compressed_file_does_not_block_the_rotation(box: Sandbox) -> None:
    previous = box.log(f"a.log{rotated_name(1)}", 5000)
    Path(f"{previous}.zst").write_bytes(packed(previous.read_bytes())[:9])
    box.log("a.log", 3000)
    done = box.run()
    lines = sum(
        len(subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True).stdout)
        if path.suffix == ".zst"
        else path.stat().st_size
        for path in (box.root / "logs").iterdir()
        if path.suffix != ".backup"
    )

    assert done.rotated == [str(box.root / "logs" / "a.log")]
    assert lines == 8000


def test_an_empty_log_is_not_rotated_and_takes_no_name(box: Sandbox) -> None:
    box.log("a.log", 0)
    box.run(max_size=None)
    box.state.write_text(f'logrotate state -- version 2\n"{box.root}/logs/a.log" 2020-1-1-0:0:0\n')
    done = box.run(max_size=None)

    assert done.rotated == []
    assert box.names() == ["a.log"]
