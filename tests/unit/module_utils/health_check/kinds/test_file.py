# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind file, against real files."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"path": "/srv/*.gz", "age_hours": {"warning": 26}}

Observed = Callable[..., dict[str, Finding]]


@pytest.mark.parametrize(
    ("size", "options", "status"),
    [
        (5, {}, "ok"),
        (0, {}, "critical"),
        (5, {"min_bytes": 6}, "critical"),
        (5, {"max_bytes": 4}, "critical"),
    ],
)
def test_size_of_a_file(
    observed: Observed, tmp_path: Path, size: int, options: dict[str, t.Any], status: str
) -> None:
    (tmp_path / "f").write_bytes(b"x" * size)
    found = observed("file", path=str(tmp_path / "f"), **options)["file:x"]
    assert (found["status"], found["observed"]) == (status, size)


def test_the_newest_of_several_counts(observed: Observed, tmp_path: Path) -> None:
    for name, hours in (("a.gz", 30), ("b.gz", 3), ("c.txt", 0)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (time.time() - hours * 3600,) * 2)

    (tmp_path / "d.gz").mkdir()
    limits = {"warning": 2, "critical": 26}
    found = observed("file", path=str(tmp_path / "*.gz"), age_hours=limits)

    assert (found["file:x.age"]["status"], found["file:x.age"]["observed"]) == ("warning", 3.0)

    found = observed("file", path=str(tmp_path / "a.gz"), age_hours=limits)

    assert found["file:x.age"]["status"] == "critical"


def test_files_that_are_not_there(observed: Observed, tmp_path: Path) -> None:
    assert "does not exist" in observed("file", path=str(tmp_path / "f"))["file:x"]["message"]
    assert "does not exist" in observed("file", path=str(tmp_path))["file:x"]["message"]
    found = observed("file", path=str(tmp_path / "no" / "f*"))["file:x"]
    assert (found["status"], "does not exist" in found["message"]) == ("critical", True)


@pytest.mark.parametrize("ahead", [3600, 365 * 86400, 50 * 365 * 86400])
def test_a_file_from_the_future_is_not_fresh(
    observed: Observed, tmp_path: Path, ahead: float
) -> None:
    limits = {"warning": 26}
    (tmp_path / "a.gz").write_text("x")
    os.utime(tmp_path / "a.gz", (time.time() + ahead,) * 2)

    alone = observed("file", path=str(tmp_path / "a.gz"), age_hours=limits)["file:x.age"]
    (tmp_path / "b.gz").write_text("x")
    os.utime(tmp_path / "b.gz", (time.time() - 30 * 3600,) * 2)
    newest = observed("file", path=str(tmp_path / "*.gz"), age_hours=limits)["file:x.age"]

    assert alone["status"] == "unknown"
    assert newest["status"] == "warning", "nothing was written for 30 hours"


def test_clocks_may_differ_by_a_minute(observed: Observed, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    os.utime(tmp_path / "a", (time.time() + 60,) * 2)

    found = observed("file", path=str(tmp_path / "a"), age_hours={"warning": 1})["file:x.age"]

    assert found["status"] == "ok"


def test_a_name_may_hold_the_signs_of_a_pattern(observed: Observed, tmp_path: Path) -> None:
    (tmp_path / "report[1].csv").write_text("a;b")

    found = observed("file", path=str(tmp_path / "report[1].csv"))["file:x"]

    assert (found["status"], found["observed"]) == ("ok", 3)

    (tmp_path / "report1.csv").write_text("a;b;c")
    os.utime(tmp_path / "report[1].csv", (1, 1))

    assert observed("file", path=str(tmp_path / "report[1].csv"))["file:x"]["observed"] == 5


@pytest.mark.parametrize("name", ["*.gz", "a.gz"])
def test_a_folder_that_may_not_be_seen_is_not_an_empty_one(observed: Observed, name: str) -> None:
    closed = Path(tempfile.mkdtemp(prefix="upkeep-closed-"))
    (closed / "a.gz").write_text("x")
    closed.chmod(0o000)
    own = os.geteuid()
    try:
        if own == 0:
            os.seteuid(65534)
        found = observed("file", path=str(closed / name))["file:x"]
    finally:
        os.seteuid(own)
        closed.chmod(0o700)
        shutil.rmtree(closed)

    assert found["status"] == "unknown"
