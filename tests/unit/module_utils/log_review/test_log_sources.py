# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal, containers, what is shown of a line, and the profiles that ask for all that."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_review import redact
from ansible.module_utils.upkeep.log_review.layout import Keys, Layout
from ansible.module_utils.upkeep.log_review.settings import parse_sources
from ansible.module_utils.upkeep.log_review.stamps import Clock
from ansible.module_utils.upkeep.log_review.wrapping import Wrapper, from_docker, from_podman
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.log_review.log_samples import ago, findings, source
from tools import PROJECT, profiles

SYSTEMS: t.Final = profiles.systems(PROJECT)
IDENTITY: t.Final = "c0" * 32


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., None]:
    """Return a function that puts a journalctl in place, which says some entries and ends with a code."""
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

    # The traceback goes with the entry before it, which is an error already.
    assert findings(asked())["log:app.errors"]["observed"] == 2


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

    raw = Layout("json" if docker else "text", Clock(dt.UTC, time.time()), Keys(timestamp="time"))
    translate = from_docker if docker else from_podman
    blocks = ("\n".join(rows) + "\n").encode()
    said = b"".join(translate([blocks[:70], blocks[70:]], raw, "text"))

    # A traceback goes with the event before it, whose text is not torn apart by it.
    assert [part.partition(b" - ")[2] for part in said.split(b"\x1e")[1:]] == [
        b'fine\n Traceback (most recent call last):\n   File "a"\n KeyError: 1\n',
        b"ERROR of the long line which goes on and ends\n",
        b"ERROR without an end\n",
    ]


@given(st.floats(0, 4e9), st.binary(max_size=80))
def test_any_entry_becomes_whole_lines(moment: float, text: bytes) -> None:
    line = Wrapper("text").wrap(moment, "6", text)
    assert line.endswith(b"\n")
    assert line.count(b"\x1e") == 1


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("password=hunter2hunter2", "hunter2"),
        ('{"api_key": "abcd1234efgh"}', "abcd1234"),
        ('{\\"token\\": \\"abcd1234efgh\\"}', "abcd1234"),
        ("Authorization: Bearer abcdefgh.ijkl", "abcdefgh"),
        ("postgresql://app:s3cr3t@db.example.org/x", "s3cr3t"),
        ("key AKIAABCDEFGHIJKLMNOP", "AKIAABCD"),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.abc", "eyJzdWI"),
        ("Cookie: session=abcdef; other=1", "abcdef"),
        ("mail to ada.l@example.org now", "ada.l@"),
        ("secret: a1b2c3d4e5", "a1b2c3"),
    ],
)
def test_secrets_and_people_are_hidden(line: str, hidden: str) -> None:
    assert hidden not in redact.line(line.encode())


@pytest.mark.parametrize(
    "line",
    [
        "password=masked",
        "signing key masked",
        "token: expired",
        "monkey=banana",
        "password: null",
        "keyboard 123",
    ],
)
def test_what_is_no_secret_is_none(line: str) -> None:
    assert redact.SECRET.search(line.encode()) is None


@given(st.binary(max_size=400))
def test_any_bytes_can_be_shown(data: bytes) -> None:
    shown = redact.line(data)
    assert shown.isprintable()
    assert len(shown) <= redact.SHOWN


def test_messages_of_one_kind_have_one_fingerprint() -> None:
    kinds = {
        redact.fingerprint(f"job {n} of req_5f1c0a{n}be2d4 failed: HTTP 50{n}") for n in range(9)
    }
    assert kinds == {"job # of # failed: HTTP #"}


@given(st.text(st.characters(codec=None), max_size=200))
def test_remembering_does_not_alter_a_fingerprint(message: str) -> None:
    first = message.split("\n", 1)[0][:160]
    assert redact.fingerprint(message) == re.sub(r"\b[^\W\d]*\d[\w-]*", "#", first)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_profile_asks_what_the_module_can_answer(system: str) -> None:
    figures = profiles.load(PROJECT, system)
    raw = [source(**entry) for entry in figures["system_log_reviews"]]
    named = {name for entry in raw for review in entry["reviews"] for name in review["cadences"]}

    assert named <= {
        cadence for cadence, jobs in figures["system_jobs"].items() if "log_review" in jobs
    }

    for cadence in named:
        assert any(item.reviews for item in parse_sources(raw, None, cadence))
