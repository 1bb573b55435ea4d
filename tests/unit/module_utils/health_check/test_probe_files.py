# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds file, log_line, unix_socket and dns, against real files, sockets and the resolver of this machine."""

from __future__ import annotations

import io
import os
import socket
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import log_line
from hypothesis import given
from hypothesis import strategies as st

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
    assert "there is no file" in observed("file", path=str(tmp_path / "f"))["file:x"]["message"]
    assert "there is no file" in observed("file", path=str(tmp_path))["file:x"]["message"]
    found = observed("file", path=str(tmp_path / "no" / "f*"))["file:x"]
    assert (found["status"], "does not exist" in found["message"]) == ("critical", True)


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


def test_unix_sockets(observed: Observed, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        found = observed("unix_socket", path=path)["unix_socket:x"]

        assert (found["status"], "refused" in found["message"]) == ("critical", True), (
            "bound, but nobody listens"
        )

        server.listen(0)

        assert observed("unix_socket", path=path)["unix_socket:x"]["status"] == "ok"

    assert "is refused" in observed("unix_socket", path=path)["unix_socket:x"]["message"]

    Path(path).unlink()

    assert "does not exist" in observed("unix_socket", path=path)["unix_socket:x"]["message"]


def test_a_hung_unix_socket_is_critical_in_time(observed: Observed, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as waiting:
        server.bind(path)
        server.listen(0)
        waiting.connect(path)
        found = observed("unix_socket", path=path, timeout=0.3)["unix_socket:x"]

    assert (found["status"], "no complete answer within 0.3 s" in found["message"]) == (
        "critical",
        True,
    )


def test_names_are_resolved(observed: Observed) -> None:
    found = observed("dns", host="localhost", latency={"warning_ms": 2000})

    assert {name: one["status"] for name, one in found.items()} == {
        "dns:x": "ok",
        "dns:x.latency": "ok",
    }
    assert observed("dns", host="127.0.0.1", addresses=["127.0.0.1"])["dns:x"]["status"] == "ok"

    found = observed("dns", host="127.0.0.1", addresses=["192.0.2.7"])

    assert (found["dns:x"]["status"], "not to 192.0.2.7" in found["dns:x"]["message"]) == (
        "critical",
        True,
    )


def test_a_name_that_does_not_resolve(observed: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: t.Any, **__: t.Any) -> t.Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    found = observed("dns", host="api.example.org")["dns:x"]

    assert (found["status"], "cannot be resolved" in found["message"]) == ("critical", True)
