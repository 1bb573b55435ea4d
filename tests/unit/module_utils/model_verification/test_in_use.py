# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which model an application uses, by its log and what was rotated of it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_verification import in_use

from tests.unit.library.module_calls import Call, by_check

PACKERS: t.Final[dict[str, t.Callable[[bytes], bytes]]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}

IN_USE: t.Final = {"pattern": "Using .*Predictor", "expected": "Using SimplePredictor"}


@pytest.mark.requirement("R-racing-16")
@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("Using OtherPredictor\nUsing SimplePredictor\nINFO done\n", "ok"),
        ("Using SimplePredictor\nUsing OtherPredictor\n", "critical"),
        ("SimplePredictor could not be loaded\n", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_newest_line_says_what_is_in_use(
    call: Call, model: dict[str, t.Any], tmp_path: Path, lines: str | None, status: str
) -> None:
    log = tmp_path / "dashboard.log"
    if lines is not None:
        log.write_text(lines)

    in_use = {"log": str(log), "pattern": "Using .*Predictor", "expected": "Using SimplePredictor"}

    assert (
        by_check(call(models=[{**model, "in_use": in_use}]))["model:risk.in_use"]["status"]
        == status
    )


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Using model v1", "ok"),
        ("Using model v1.", "ok"),
        ("Using model (v1), 3 features", "ok"),
        ("Using model v10", "critical"),
        ("Using model v1.2", "critical"),
        ("Using model rev1", "critical"),
        ("Using model v1_old", "critical"),
    ],
)
def test_the_expected_text_is_whole_words(
    call: Call, model: dict[str, t.Any], tmp_path: Path, line: str, status: str
) -> None:
    (tmp_path / "app.log").write_text(f"{line}\n")
    in_use = {"log": str(tmp_path / "app.log"), "pattern": "Using model", "expected": "v1"}

    found = by_check(call(models=[{**model, "in_use": in_use}]))["model:risk.in_use"]

    assert found["status"] == status


def look(call: Call, model: dict[str, t.Any]) -> dict[str, t.Any]:
    in_use = {**IN_USE, "log": str(Path(model["path"]).with_name("app.log"))}
    return by_check(call(models=[{**model, "in_use": in_use}]))["model:risk.in_use"]


def write(folder: Path, name: str, text: str, age: int) -> None:
    path = folder / name
    packer = PACKERS.get(path.suffix, lambda content: content)
    path.write_bytes(packer(text.encode()))
    os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))


@pytest.mark.requirement("R-racing-16")
@pytest.mark.parametrize(
    "older",
    [
        "app.log-20260101",
        "app.log-20260101-030000.gz",
        "app.log.1",
        "app.log.2.gz",
        "app.log.1.bz2",
        "app.log.1.xz",
        "app.log-20260101_030000.bz2",
        "app.log_20260101",
        "app.log.2026-W01",
        "app-20260101.log.xz",
        "app.log.old",
    ],
)
def test_the_newest_rotated_file_that_says_it_decides(
    call: Call, model: dict[str, t.Any], tmp_path: Path, older: str
) -> None:
    write(tmp_path, "app.log", "nothing\n", 0)
    write(tmp_path, "app.log-20260201", "nothing either\n", 1)
    write(tmp_path, older, "Using OtherPredictor\nUsing SimplePredictor\n", 2)
    write(tmp_path, "app.log-20251201.gz", "Using OtherPredictor\n", 3)

    assert look(call, model)["status"] == "ok"

    write(tmp_path, "app.log", "Using OtherPredictor\n", 0)

    assert look(call, model)["status"] == "critical"


def test_what_is_no_rotation_of_it_is_not_asked(
    call: Call, model: dict[str, t.Any], tmp_path: Path
) -> None:
    write(tmp_path, "app.log", "nothing\n", 0)
    for name in ("app.log.bak", "app.log-save", "other-app.log.1", "app.log.d"):
        write(tmp_path, name, "Using SimplePredictor\n", 1)

    (tmp_path / "app.log.1").symlink_to(tmp_path / "app.log.bak")
    os.mkfifo(tmp_path / "app.log.3")

    assert look(call, model)["status"] == "unknown"


def test_only_the_end_of_a_long_compressed_log_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "app.log", "", 0)
    text = "Using First\n" + "x" * 200 + "\n"
    long = "Using Old\n" + text * (2 * in_use.TAIL // len(text)) + "Using Last\n"
    write(tmp_path, "app.log.1.gz", long, 1)

    assert in_use.newest_line(tmp_path / "app.log", re.compile("Using (Old|Last)")) == "Using Last"
    assert in_use.newest_line(tmp_path / "app.log", re.compile("Using Old")) is None


@pytest.mark.parametrize(
    "name", ["app.log.1.zst", "app.log-20260201.lz4", "app.log.1.zip", "app.log-20260201.Z"]
)
def test_a_newer_file_that_cannot_be_read_is_unknown(
    call: Call, model: dict[str, t.Any], tmp_path: Path, name: str
) -> None:
    """Whatever an older one names, the newer one may name another model."""
    write(tmp_path, "app.log", "nothing\n", 0)
    write(tmp_path, name, "packed", 1)
    write(tmp_path, "app.log.2.gz", "Using SimplePredictor\n", 2)

    found = look(call, model)

    assert found["status"] == "unknown"
    assert name in found["message"]


@pytest.mark.parametrize(
    "content",
    [b"\x1f\x8bno gzip", b"", gzip.compress(b"x" * 99, mtime=0)[:20]],
    ids=["no gzip", "empty", "cut short"],
)
def test_a_newer_file_that_is_damaged_is_unknown(
    call: Call, model: dict[str, t.Any], tmp_path: Path, content: bytes
) -> None:
    write(tmp_path, "app.log", "nothing\n", 0)
    (tmp_path / "app.log.1.gz").write_bytes(content)
    write(tmp_path, "app.log.2.gz", "Using SimplePredictor\n", 2)

    assert look(call, model)["status"] == ("unknown" if content else "ok")


def test_a_file_that_is_being_packed_is_read_once_in_its_whole_form(
    call: Call, model: dict[str, t.Any], tmp_path: Path
) -> None:
    write(tmp_path, "app.log", "nothing\n", 0)
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(b"Using OtherPredictor\n")[:10])
    write(tmp_path, "app.log.1", "Using SimplePredictor\n", 1)

    assert look(call, model)["status"] == "ok"


@pytest.mark.parametrize("hole", [100_000, 9 << 20])
def test_a_hole_hides_no_line_behind_it(
    call: Call, model: dict[str, t.Any], tmp_path: Path, hole: int
) -> None:
    """A log that was truncated while its writer had it open begins with NUL bytes."""
    (tmp_path / "app.log").write_bytes(b"\0" * hole + b"Using OtherPredictor\n")
    write(tmp_path, "app.log.1", "Using SimplePredictor\n", 1)

    assert look(call, model)["status"] == "critical"


def test_a_long_record_is_searched_beyond_its_beginning(
    call: Call, model: dict[str, t.Any], tmp_path: Path
) -> None:
    write(tmp_path, "app.log", "x" * 20_000 + " Using OtherPredictor\n", 0)
    write(tmp_path, "app.log.1", "Using SimplePredictor\n", 1)

    assert look(call, model)["status"] == "critical"


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_only_a_line_feed_begins_a_line(
    call: Call, model: dict[str, t.Any], tmp_path: Path, sign: str
) -> None:
    """A visitor can have most other signs written, and could name a model behind one."""
    log = tmp_path / "app.log"
    log.write_bytes(f"Using OtherPredictor\nGET /{sign}Using SimplePredictor\n".encode())
    in_use = {"log": str(log), "pattern": "^Using .*Predictor", "expected": "SimplePredictor"}

    found = by_check(call(models=[{**model, "in_use": in_use}]))["model:risk.in_use"]

    assert found["status"] == "critical"


def test_a_line_of_the_log_is_shown_without_secrets_and_control_signs(
    call: Call, model: dict[str, t.Any], tmp_path: Path
) -> None:
    line = "Using OtherPredictor password=hunter2xyz \x1b]0;owned\x07\n"
    write(tmp_path, "app.log", line, 0)

    found = look(call, model)

    assert "hunter2xyz" not in found["observed"]
    assert found["observed"].isprintable()


def test_a_pattern_that_takes_for_ever_costs_this_check_only(
    call: Call, model: dict[str, t.Any], tmp_path: Path
) -> None:
    (tmp_path / "app.log").write_text("a" * 5000 + "!\n")
    in_use = {"log": str(tmp_path / "app.log"), "pattern": "(a|aa)+$", "expected": "x"}
    other = {"name": "other", "path": model["path"]}
    made = call(models=[model, other], state="recorded", approved_by="A. Reviewer")

    found = by_check(
        call(models=[{**model, "in_use": in_use}, other], manifest=made["record"], timeout=1)
    )

    assert found["model:risk.in_use"]["status"] == "unknown"
    assert "longer than 1 s" in found["model:risk.in_use"]["message"]
    assert found["model:risk"]["status"] == "ok"
    assert found["model:other"]["status"] == "ok"


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_a_packed_file_is_known_by_its_content(
    call: Call, model: dict[str, t.Any], tmp_path: Path, pack: t.Callable[[bytes], bytes]
) -> None:
    write(tmp_path, "app.log", "nothing\n", 0)
    (tmp_path / "app.log.1").write_bytes(pack(b"Using OtherPredictor\n"))
    write(tmp_path, "app.log.2", "Using SimplePredictor\n", 1)

    assert look(call, model)["status"] == "critical"


@pytest.mark.parametrize("magic", [b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"PK\x03\x04"])
def test_a_packed_file_without_its_suffix_that_cannot_be_read_is_unknown(
    call: Call, model: dict[str, t.Any], tmp_path: Path, magic: bytes
) -> None:
    write(tmp_path, "app.log", "nothing\n", 0)
    (tmp_path / "app.log.1").write_bytes(magic + b"packed")
    write(tmp_path, "app.log.2", "Using SimplePredictor\n", 1)

    assert look(call, model)["status"] == "unknown"
