# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind log_line, against real files."""

from __future__ import annotations

import io
import os
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import log_line
from hypothesis import given
from hypothesis import strategies as st

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"path": "/var/log/a", "pattern": "x"}

Observed = Callable[..., dict[str, Finding]]


@given(st.lists(st.binary().map(lambda line: line.replace(b"\n", b""))), st.integers(1, 40))
def test_lines_come_back_in_reverse(lines: list[bytes], block: int) -> None:
    data = b"\n".join(lines)
    before, log_line._BLOCK = log_line._BLOCK, block
    try:
        found = list(log_line.lines_backwards(io.BytesIO(data), 1 << 20))
    finally:
        log_line._BLOCK = before

    assert found == (data.split(b"\n")[::-1] if data else [])


@pytest.mark.requirement("R-racing-08")
@pytest.mark.parametrize(
    ("options", "status", "value"),
    [
        ({"pattern": "Using .*Predictor"}, "ok", "Using NewPredictor"),
        ({"pattern": r"Using (\w+Predictor)", "equals": "NewPredictor"}, "ok", "NewPredictor"),
        (
            {"pattern": r"Using (\w+Predictor)", "equals": "OldPredictor"},
            "critical",
            "NewPredictor",
        ),
        ({"pattern": "Using no"}, "warning", "missing"),
        ({"pattern": "OldPredictor", "max_bytes": 100, "missing": "info"}, "info", "missing"),
    ],
)
def test_the_newest_line_counts(
    observed: Observed, tmp_path: Path, options: dict[str, t.Any], status: str, value: str
) -> None:
    lines = [
        "12:00 Using OldPredictor with a",
        *["noise " * 50] * 2000,
        "12:01 Using NewPredictor with b",
        "bad \xff",
    ]
    (tmp_path / "log").write_bytes("\n".join(lines).encode("latin-1") + b"\n")
    found = observed("log_line", path=str(tmp_path / "log"), **options)["log_line:x"]

    assert (found["status"], found["observed"]) == (status, value)


def test_a_missing_log_is_not_a_silent_one(observed: Observed, tmp_path: Path) -> None:
    found = observed("log_line", path=str(tmp_path / "log"), pattern="x")["log_line:x"]
    assert (found["status"], "there is no log" in found["message"]) == ("unknown", True)


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_only_a_regular_file_is_a_log(observed: Observed, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")

    found = observed("log_line", path=str(path), pattern="x")["log_line:x"]

    assert found["status"] == "unknown"
    assert "not a regular file" in found["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link of another user")
def test_a_link_of_another_user_is_not_followed(observed: Observed, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("model t0p loaded\n")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "log").symlink_to(tmp_path / "secret")
    os.chown(theirs / "log", 65534, 65534, follow_symlinks=False)
    os.chown(theirs, 65534, 65534)

    found = observed("log_line", path=str(theirs / "log"), pattern="model (.*)")["log_line:x"]

    assert found["status"] == "unknown"
    assert "t0p" not in str(found)


def test_lines_may_end_as_windows_ends_them(observed: Observed, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"model a loaded\r\n")

    found = observed("log_line", path=str(tmp_path / "log"), pattern="model (.*) loaded$")

    assert found["log_line:x"]["observed"] == "a"


def test_an_endless_line_hides_no_other(observed: Observed, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        log.write(b"model a loaded\n")
        for _ in range(48):
            log.write(b"x" * (1 << 20))

    options = {"path": str(tmp_path / "log"), "pattern": "model (.*) loaded"}
    found = observed("log_line", **options, timeout=60)["log_line:x"]

    assert found["observed"] == "a"
