# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal, containers, what is shown of a line, and the profiles that ask for all that."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_review.events import UNKNOWN, Part
from ansible.module_utils.upkeep.log_review.streams import Assembler, ContainerStream
from ansible.module_utils.upkeep.log_review.times import StampReader
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.log_review.log_samples import ago, findings, source

IDENTITY: t.Final = "c0" * 32


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., None]:
    """Return a function that puts a journalctl of our own in place."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def say(*entries: dict[str, t.Any], code: int = 0, wait: float = 0) -> None:
        (tmp_path / "entries").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
        tool = tmp_path / "journalctl"
        tool.write_text(
            f"#!/bin/sh\ncat {tmp_path}/entries\nsleep {wait}\necho broken >&2\nexit {code}\n"
        )
        tool.chmod(0o755)

    return say


def entry(message: t.Any, priority: str = "6", minutes: float = 1) -> dict[str, t.Any]:
    moment = int((time.time() - minutes * 60) * 1e6)
    return {"__REALTIME_TIMESTAMP": str(moment), "PRIORITY": priority, "MESSAGE": message}


def asked(**keys: t.Any) -> dict[str, t.Any]:
    reviews = [{"name": "errors", "levels": ["error", "critical"], "warning": 0}]
    return source(**{"kind": "journal", "units": ["app.service"], "reviews": reviews, **keys})


@pytest.mark.requirement("R-hyperopt-06", "R-hyperopt-98", "R-hyperopt-112")
def test_errors_of_the_journal_by_priority_and_by_traceback(journal: t.Callable[..., None]) -> None:
    journal(
        entry("fine"),
        entry("disk is gone", "3"),
        entry("Traceback (most recent call last):"),
        entry('  File "x.py"'),
        entry("ValueError: x"),
        entry([82, 255, 10], "2"),
        entry(None, "0"),
        entry("of yesterday", "0", minutes=60 * 25),
    )

    # The traceback is of another priority than the entry before it, so of another writer.
    assert findings(asked())["log:app.errors"]["observed"] == 3


@pytest.mark.requirement("R-hyperopt-06", "R-trailblaze-02", "R-trailblaze-35")
def test_records_of_the_journal_have_their_own_level(journal: t.Callable[..., None]) -> None:
    good, bad = (
        {"timestamp": ago(minutes=1), "level": level, "message": "x"} for level in ("INFO", "ERROR")
    )
    journal(entry(json.dumps(good)), entry(json.dumps(bad)), entry("no record"))
    found = findings(asked(format="json", fields=["timestamp", "level", "message"]))

    assert (found["log:app.errors"]["observed"], found["log:app.format"]["observed"]) == (1, 1)


def test_a_journal_that_cannot_be_read_is_unknown(journal: t.Callable[..., None]) -> None:
    journal()

    assert "holds no line" in findings(asked())["log:app"]["message"]

    journal(entry("x"), code=1)

    assert (
        findings(asked())["log:app"]["status"],
        "broken" in findings(asked())["log:app"]["message"],
    ) == (
        "unknown",
        True,
    )

    journal(entry("x"), wait=60)
    begun = time.monotonic()

    assert "did not finish" in findings(asked(), timeout=0.5)["log:app"]["message"]
    assert time.monotonic() - begun < 20


@pytest.mark.requirement("R-fairedge-28")
@pytest.mark.parametrize("docker", [True, False], ids=["docker", "podman"])
def test_logs_of_containers(tmp_path: Path, docker: bool) -> None:
    said = [
        ("fine", 50),
        ("ERROR one", 9),
        ("Traceback (most recent call last):", 8),
        ("KeyError: 1", 8),
        ("ERROR", 3000),
    ]
    said.sort(key=lambda pair: -pair[1])
    home = tmp_path / IDENTITY
    if docker:
        home.mkdir()
        (home / "config.v2.json").write_text(json.dumps({"Name": "/shop-api-1"}))
        rows = [
            json.dumps({"log": f"{text}\n", "time": ago(minutes=minutes)}) for text, minutes in said
        ]
        (home / f"{IDENTITY}-json.log").write_text("\n".join(rows) + "\n")
    else:
        (home / "userdata").mkdir(parents=True)
        (tmp_path / "containers.json").write_text(
            json.dumps([{"id": IDENTITY, "names": ["shop-api-1"]}])
        )
        rows = [f"{ago(minutes=minutes)} stdout F {text}" for text, minutes in said]
        (home / "userdata" / "ctr.log").write_text("\n".join(rows) + "\n")

    def about(name: str) -> dict[str, t.Any]:
        return findings(
            asked(kind="container", units=[], containers=[name]), container_roots=[str(tmp_path)]
        )

    assert about("shop-api*")["log:app.errors"]["observed"] == 1
    assert "container is called" in about("shop-web*")["log:app"]["message"]

    (tmp_path / ("containers.json" if not docker else f"{IDENTITY}/config.v2.json")).write_text(
        "{broken"
    )

    assert about("shop-api*")["log:app"]["status"] == "unknown"


#: What Podman's driver k8s-file kept of one program: a line that comes in parts, a traceback on the
#: other stream in between, and a last line without an end. The driver json-file of Docker has the
#: same parts.
MIXED: t.Final = [
    ("stdout", True, "fine"),
    ("stdout", False, "ERROR of the long line "),
    ("stderr", True, "Traceback (most recent call last):"),
    ("stderr", True, '  File "a"'),
    ("stderr", True, "KeyError: 1"),
    ("stdout", False, "which goes on"),
    ("stdout", True, " and ends"),
    ("stdout", False, "ERROR without an end"),
]


@pytest.mark.parametrize("docker", [True, False], ids=["docker", "podman"])
def test_parts_of_lines_find_each_other_among_two_streams(tmp_path: Path, docker: bool) -> None:
    moment = ago(minutes=5).replace("Z", "123456")
    if docker:
        rows = [
            json.dumps(
                {"log": f"{text}\n" if whole else text, "stream": stream, "time": f"{moment}Z"}
            )
            for stream, whole, text in MIXED
        ]
    else:
        rows = [
            f"{moment}+00:00 {stream} {'F' if whole else 'P'} {text}"
            for stream, whole, text in MIXED
        ]

    stream = ContainerStream(docker, StampReader(dt.UTC, time.time()))
    blocks = ("\n".join(rows) + "\n").encode()
    parts = [Part(blocks[:70], UNKNOWN), Part(blocks[70:], UNKNOWN)]
    said = b"".join(part.data for part in stream.translate(parts))

    # A traceback of the other stream is an event of its own, and no text is torn apart by it.
    assert sorted(part.partition(b" -\n")[2] for part in said.split(b"\x1e")[1:]) == [
        b"ERROR of the long line which goes on and ends\n",
        b"ERROR without an end\n",
        b'Traceback (most recent call last):\n   File "a"\n KeyError: 1\n',
        b"fine\n",
    ]


@given(st.floats(0, 4e9), st.binary(max_size=80))
def test_any_entry_becomes_whole_lines(moment: float, text: bytes) -> None:
    assembler = Assembler()
    lines = [*assembler.take("x", moment, "6", text), *assembler.rest()]

    assert len(lines) == bool(text.replace(b"\x1e", b" ").strip())
    for line, _ in lines:
        assert line.endswith(b"\n")
        assert line.count(b"\x1e") == 1
