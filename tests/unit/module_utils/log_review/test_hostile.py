# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A log that its writer prepared to hold up a run, or to take its memory, only loses itself."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from tests.unit.module_utils.log_review.log_samples import ago, findings, run, source
from tools import PROJECT

#: Seconds beyond the time that was allowed: processes are ended, a loaded machine is slow.
PATIENCE: t.Final = 20


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "app.log", f"{ago(minutes=1)} ERROR app: x")


def _bomb(path: Path, pack: t.Callable[[bytes], bytes]) -> None:
    """Write a small file that unpacks to gigabytes."""
    part = pack(b"\0" * (64 << 20))
    path.write_bytes(part * 400)


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress], ids=["bz2", "gz"])
def test_a_small_file_that_unpacks_to_gigabytes_ends_in_time(
    log: Path, pack: t.Callable[[bytes], bytes]
) -> None:
    _bomb(log.with_name(f"app.log.1.{'bz2' if pack is bz2.compress else 'gz'}"), pack)
    good = write(log.with_name("other.log"), f"{ago(minutes=1)} ERROR other: x")
    reviews = [{"name": "errors", "levels": ["error"], "warning": 0}]
    begun = time.monotonic()
    found = findings(
        source(paths=[str(log)], reviews=reviews),
        source("other", paths=[str(good)], reviews=reviews),
        timeout=3,
    )

    assert time.monotonic() - begun < 3 + PATIENCE
    assert found["log:app"]["status"] == "unknown"
    assert "took longer" in found["log:app"]["message"]
    assert found["log:other.errors"]["observed"] == 1


def test_a_dictionary_of_gigabytes_is_refused(log: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 512 << 20}]
    packed = lzma.compress(f"{ago(minutes=9)} ERROR x\n".encode(), filters=filters)
    log.with_name("app.log.1.xz").write_bytes(packed)
    found = findings(source(paths=[str(log)], reviews=[{"name": "x", "pattern": "ERROR"}]))

    assert [one["status"] for one in found.values()] == ["unknown"] * 2
    assert "app.log.1.xz' is damaged: Memory usage limit" in found["log:app"]["message"]


@pytest.mark.parametrize(
    "text",
    ["eyJ" * 300_000, "password" * 100_000, "a@" * 400_000, "[" * 900_000, "- " * 400_000,
     "x " * 400_000, '\\"' * 400_000, "{" * 900_000, "\x1b[" * 400_000, "1" * 900_000],
    ids=["eyj", "password", "at", "brackets", "dashes", "words", "quotes", "braces", "colours",
         "digits"],
)  # fmt: skip
@pytest.mark.parametrize("declared", ["auto", "python", "json", "nginx_access", "logfmt"])
def test_a_line_of_a_megabyte_takes_linear_time(log: Path, text: str, declared: str) -> None:
    write(log, *[f"{ago(minutes=1)} ERROR x"] * 30, f"{ago(minutes=1)} ERROR {text}", text)
    reviews = [{"name": "s", "secrets": True}, {"name": "e", "levels": ["error"]}]
    begun = time.monotonic()
    run(source(paths=[str(log)], reviews=reviews, format=declared))

    assert time.monotonic() - begun < PATIENCE


def test_a_pattern_that_never_ends_is_ended(log: Path) -> None:
    write(log, f"{ago(minutes=1)} ERROR {'a' * 60}!")
    slow = source(paths=[str(log)], reviews=[{"name": "x", "pattern": "(a+)+$"}])
    begun = time.monotonic()
    found = findings(slow, timeout=1)

    assert time.monotonic() - begun < 1 + PATIENCE
    assert found["log:app"]["status"] == "unknown"
    assert "was ended" in found["log:app"]["message"]


def test_nothing_that_was_started_is_left(log: Path, tmp_path: Path) -> None:
    tool = tmp_path / "journalctl"
    tool.write_text("#!/bin/sh\nsleep 3600 & echo $! > sleeping; wait\n")
    tool.chmod(0o755)
    program = (
        "import sys, upkeep; from tests.unit.module_utils.log_review.log_samples import *; "
        "print(findings(source(kind='journal', units=['x.service']), timeout=1)['log:app'])"
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "did not finish" in done.stdout or "was ended" in done.stdout

    sleeper = Path(f"/proc/{(tmp_path / 'sleeping').read_text().strip()}")
    end = time.monotonic() + PATIENCE
    while sleeper.exists() and time.monotonic() < end:
        time.sleep(0.05)

    assert not sleeper.exists()
