# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of real programs that were once read wrongly, one test for each kind: files and events."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import json
import lzma
import os
import random
import shutil
import subprocess
import time
import typing as t
import zipfile
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding

from tests.unit.module_utils.log_review.log_samples import ago, count, findings, run, source
from tools import PROJECT, profiles

ERRORS: t.Final = {"name": "errors", "levels": ["error", "critical"], "warning": 0}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return where a test writes its log."""
    return tmp_path / "app.log"


def write(path: Path, *lines: str, end: str = "\n") -> None:
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())


def about(log: Path | str, *reviews: dict[str, t.Any], **keys: t.Any) -> dict[str, Finding]:
    """Return the findings on a log of files, by what follows its name."""
    found = findings(source(paths=[str(log)], reviews=reviews or [ERRORS], **keys))

    return {check.removeprefix("log:app").lstrip("."): one for check, one in found.items()}


def errors_of(log: Path, **keys: t.Any) -> tuple[str, t.Any]:
    """Return status and number of the errors of a day."""
    found = about(log, **keys)["errors"]

    return found["status"], found["observed"]


def at(form: str, **span: float) -> str:
    moment = dt.datetime.fromtimestamp(time.time() - dt.timedelta(**span).total_seconds(), dt.UTC)
    return moment.strftime(form)


ACCESS: t.Final = "%d/%b/%Y:%H:%M:%S +0000"


# --- places and pieces ---------------------------------------------------------------------------


def test_no_file_is_passed_over_for_its_ends(log: Path) -> None:
    write(log.with_name("app.log.1"), *[f"{ago(hours=h)} INFO app: x" for h in (4, 3)])
    write(
        log,
        *[f"{ago(minutes=9)} ERROR app: x"] * 100,
        f"{ago(hours=2)} ERROR app: a long request",
        f"{ago(seconds=1)} ERROR app: x",
    )

    assert count(log, hours=1, pattern="ERROR") == 101


def test_a_clock_that_was_set_back_hides_nothing(log: Path) -> None:
    write(log, *[f"{ago(seconds=9)} ERROR app: x"] * 50, *[f"{ago(hours=3)} INFO app: x"] * 2)

    assert count(log, hours=1, pattern="ERROR") == 50
    assert "was a clock set back?" in about(log)[""]["message"]


def test_a_live_file_without_a_line_end_that_begins_first_loses_nothing(log: Path) -> None:
    write(log.with_name("app.log.1"), *[f"{ago(minutes=m)} INFO app: x" for m in (5, 3)])
    log.write_text(f"{ago(minutes=7)} INFO app: x\n{ago(minutes=1.5)} INFO app: x")

    assert count(log, pattern="INFO") == 4


@pytest.mark.parametrize("pieces", [1, 4])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_requests_that_lasted_for_hours_hide_nothing(log: Path, seed: int, pieces: int) -> None:
    """Access logs have the time at which a request began, in the order in which they ended."""
    chance, now = random.Random(seed), time.time()  # noqa: S311 - the same lines each time
    ages = sorted((chance.uniform(60, 48 * 3600) for _ in range(12_000)), reverse=True)
    lasted = [chance.uniform(0, 10_000) if chance.random() < 0.03 else 0.0 for _ in ages]
    begun = [now - age - time for age, time in zip(ages, lasted, strict=True)]
    minutes = (5, 61, 400)
    begun = [moment for moment in begun if all(abs(now - moment - m * 60) > 30 for m in minutes)]
    stamps = [dt.datetime.fromtimestamp(moment, dt.UTC).strftime(ACCESS) for moment in begun]
    lines = [f'192.0.2.1 - - [{stamp}] "GET / HTTP/1.1" 200 5 "-" "curl"\n' for stamp in stamps]
    for number in range(pieces):
        part = lines[len(lines) * number // pieces : len(lines) * (number + 1) // pieces]
        name = log.name if number == pieces - 1 else f"{log.name}.{pieces - 1 - number}"
        log.with_name(name).write_text("".join(part))

    for m in minutes:
        answer = run(source(paths=[str(log)], reviews=[{"name": "all", "window": f"{m}m"}]))
        expected = sum(moment >= now - m * 60 for moment in begun)
        assert answer["reviews"][0]["count"] == expected


@pytest.mark.parametrize("make", ["symlink", "hardlink", "folder", "glob"])
def test_a_file_of_two_names_counts_once(tmp_path: Path, make: str) -> None:
    home = tmp_path / "vhost1"
    home.mkdir()
    dated = home / ("app.log.20261127" if make != "glob" else "app-2026-11-27.log")
    write(dated, *[f"{ago(minutes=m)} ERROR app: x" for m in (3, 2)])
    live = home / "app.log"
    if make == "hardlink":
        live.hardlink_to(dated)
    else:
        live.symlink_to(dated.name)

    if make == "folder":
        (tmp_path / "vhost3").symlink_to("vhost1")

    path = {"folder": tmp_path / "*" / "app.log", "glob": home / "*.log"}.get(make, live)

    assert count(path, pattern="ERROR") == 2


@pytest.mark.parametrize(
    "name",
    ["app.log_20261126", "app.log.2026-W48", "app-20261126.log", "app-2026-11-26.log", "app.1.log",
     "app-2026-11-26T01-02-03.000.log", "app.log.old", "app.log.2", "app.log-20261126-010203",
     "app.log.bak", "app.log~", "app.log.1795743984"],
)  # fmt: skip
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_rotated_files_of_any_name_are_read(log: Path, name: str, packed: str) -> None:
    write(log, *[f"{ago(minutes=m)} ERROR app: x" for m in (3, 2)])
    older = "".join(f"{ago(hours=9)} ERROR app: x\n" for _ in range(10)).encode()
    (log.parent / f"{name}{packed}").write_bytes(gzip.compress(older) if packed else older)

    assert count(log, pattern="ERROR") == 12


@pytest.mark.parametrize("name", ["app-2.log", "app.log.pos", "apple.log", "app.log.lock", "app"])
def test_files_of_other_logs_are_not_read(log: Path, name: str) -> None:
    write(log, *[f"{ago(minutes=m)} ERROR app: x" for m in (3, 2)])
    write(log.with_name(name), f"{ago(minutes=1)} ERROR app: x")

    assert count(log, pattern="ERROR") == 2


def test_lines_of_a_rotated_part_without_a_time_do_not_fit(log: Path) -> None:
    write(log, *[f"{ago(minutes=1)} ERROR app: x"] * 30)
    write(log.with_name("app.log.1"), *["somebody prints"] * 30)
    found = about(log, {"name": "errors", "pattern": "ERROR", "warning": 50})

    assert [one["status"] for one in found.values()] == ["unknown"] * 2


def test_worker_2_is_another_log_than_worker(tmp_path: Path) -> None:
    for name in ("worker", "worker-2"):
        write(tmp_path / name, f"{ago(minutes=1)} ERROR app: x")

    assert count(tmp_path / "worker", pattern="ERROR") == 1


def _zipped(data: bytes, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.log", data)


@pytest.mark.parametrize("packing", ["inside", "zip", "lz4", "7z", "bz2", "xz"])
def test_a_rotated_file_of_any_packing_is_read_or_unknown(log: Path, packing: str) -> None:
    write(log, *[f"{ago(minutes=m)} ERROR app: x" for m in (3, 2)])
    older = "".join(f"{ago(hours=9)} ERROR app: x\n" for _ in range(10)).encode()
    piece = log.with_name(f"app.log.1.{packing}")

    if packing == "zip":
        _zipped(older, piece)
    elif packing == "inside":
        log.with_name("app.log.1").write_bytes(gzip.compress(older))
    elif packing in ("bz2", "xz"):
        piece.write_bytes(bz2.compress(older) if packing == "bz2" else lzma.compress(older))
    elif packing == "lz4" and shutil.which("lz4"):
        subprocess.run(["lz4", "-q", "-", str(piece)], input=older, check=True)
    else:
        piece.write_bytes(b"\x04\x22\x4d\x18" + os.urandom(400))

    found = about(log, {"name": "errors", "pattern": "ERROR", "warning": 50})
    is_read = packing in ("zip", "inside", "bz2", "xz") or (
        packing == "lz4" and shutil.which("lz4")
    )

    if is_read:
        assert (found[""]["status"], found["errors"]["observed"]) == ("ok", 12)
    else:
        assert [one["status"] for one in found.values()] == ["unknown"] * 2
        assert piece.name in found[""]["message"]


def test_a_pattern_reads_the_packed_files_that_it_names(tmp_path: Path) -> None:
    older = f"{ago(hours=9)} ERROR app: x\n".encode()
    (tmp_path / "app-20261126.log.gz").write_bytes(gzip.compress(older))
    write(tmp_path / "app-20261127.log", f"{ago(minutes=1)} ERROR app: x")

    assert count(tmp_path / "app*.log*", pattern="ERROR") == 2


def test_a_line_that_is_written_late_counts_once(log: Path, tmp_path: Path) -> None:
    review = {"name": "new", "pattern": "ERROR", "window": "since_last_run"}
    state = str(tmp_path / "state" / "log_review.json")

    def counted() -> int:
        answer = run(source(paths=[str(log)], reviews=[review]), state=state)
        return int(answer["reviews"][0]["count"])

    write(log, f"{ago(minutes=3)} ERROR app: x")
    late = f"{ago(seconds=30)} ERROR app: held back\n"
    assert counted() == 1

    with log.open("a") as file:
        file.write(late)
    assert [counted(), counted()] == [1, 0]

    # Rotated, packed and begun anew: what was read is known again, what is new counts.
    with log.open("a") as file:
        file.write(late)
    packed = log.with_name("app.log.1.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    write(log, f"{ago(seconds=1)} ERROR app: x")
    assert [counted(), counted()] == [2, 0]

    with log.open("a") as file:
        file.write(f"{ago(seconds=0)} ERROR app: not y")
    assert counted() == 1
    with log.open("a") as file:
        file.write("et whole\nTraceback (most recent call last):\nKeyError: ERROR\n")
    assert counted() == 1
    assert counted() == 0


# --- bytes ---------------------------------------------------------------------------------------


def test_dollar_matches_before_a_carriage_return(log: Path) -> None:
    write(log, *[f"{ago(minutes=1)} ERROR nr {n}" for n in range(10)], end="\r\n")

    assert count(log, pattern=r"ERROR nr \d$") == 10


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("json_lines", [True, False])
def test_a_byte_order_mark_hides_no_event(log: Path, encoding: str, json_lines: bool) -> None:
    for path, hours in ((log.with_name("app.log.1"), 3), (log, 1)):
        stamps = [ago(hours=hours, minutes=-m) for m in range(5)]
        lines = [
            json.dumps({"timestamp": stamp, "level": "ERROR", "message": "ü"})
            if json_lines
            else f"{stamp} ERROR ü"
            for stamp in stamps
        ]
        path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))

    assert errors_of(log) == ("warning", 10)


# --- patterns and events -------------------------------------------------------------------------


def test_a_pattern_matches_within_one_event(log: Path) -> None:
    write(
        log,
        f"{ago(minutes=3)} level=error msg=timeout",
        f"{ago(minutes=2)} level=info code=500",
        f"{ago(minutes=1)} level=info msg=x",
    )
    review = {"name": "x", "pattern": "level=error[^}]*code=500", "warning": 0}
    share = {**review, "name": "share", "measure": "share", "of": "level=error[^}]*code=500"}
    rank = {"name": "rank", "measure": "ranking", "pattern": "msg=(?P<m>[^,]+)", "by": "m"}
    found = about(log, review, share, rank)

    assert found["x"]["observed"] == 0
    assert found["share"]["status"] == "info"
    assert "timeout: 1" in found["rank"]["message"]
    assert "level" not in found["rank"]["message"]


def test_a_secret_does_not_go_over_the_line(log: Path) -> None:
    write(log, *[f"{ago(minutes=3)} INFO password=", f"{ago(minutes=2)} INFO token:"] * 5)

    assert about(log, {"name": "s", "secrets": True, "warning": 0})["s"]["observed"] == 0


def test_access_logs_of_proxies_and_of_users_with_blanks(log: Path) -> None:
    request = f'[{at(ACCESS, minutes=1)}] "GET / HTTP/1.1" 500 12'
    whom = ["192.0.2.1 - -", "198.51.100.7, 192.0.2.9 - -", "192.0.2.1 - jane doe", "192.0.2.1"]
    write(log, *[f"{who} {request}" for who in whom for _ in range(5)])
    found = about(log, {"name": "failed", "pattern": '" 500 ', "warning": 15})

    assert (found[""]["status"], found["failed"]["observed"]) == ("ok", 20)


def test_rankings_do_not_judge_others_and_keep_the_largest(log: Path) -> None:
    line = f"{ago(minutes=3)} WARNING failed from "
    review = {"name": "r", "measure": "ranking", "pattern": r"from (?P<a>\S+)", "by": "a"}
    review |= {"warning": 50}
    addresses = [f"2001:db8::{number:x}" for number in range(30_000)]
    write(log, *[line + address for address in addresses[:2100]])
    assert (about(log, review)["r"]["status"], about(log, review)["r"]["observed"]) == ("ok", 1)

    write(log, *[line + address for address in addresses], *[line + "192.0.2.1"] * 300)
    found = about(log, review)["r"]
    assert (found["status"], found["observed"]) == ("warning", 300)
    assert "192.0.2.1: 300" in found["message"]


def test_the_expected_text_is_looked_for_in_the_whole_event(log: Path) -> None:
    text = "Loaded  model\tv7 for ada@example.org"
    record = {"timestamp": ago(minutes=1), "level": "INFO", "x": "y" * 300, "message": "Loaded v7"}
    for line, expected in (
        (json.dumps(record), "Loaded v7"),
        (f"{ago(minutes=1)} INFO {'p' * 300} {text}", text),
    ):
        write(log, line)
        review = {"name": "n", "measure": "newest", "pattern": "Loaded", "expected": expected}
        assert about(log, review)["n"]["status"] == "ok"

    write(log, f"{ago(minutes=1)} INFO Loaded v10")
    for expected, status in (("v1", "critical"), ("v10", "ok"), ("Loaded v", "critical")):
        review = {"name": "n", "measure": "newest", "pattern": "Loaded", "expected": expected}
        assert about(log, review)["n"]["status"] == status


# --- journal and containers ----------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., t.Any]:
    """Return a function that reviews entries which a journalctl of our own prints."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def review(*entries: dict[str, t.Any], **keys: t.Any) -> tuple[str, t.Any]:
        rows = []
        for number, entry in enumerate(entries):
            moment = int((time.time() - 60) * 1e6) + number
            rows.append(json.dumps({"__REALTIME_TIMESTAMP": str(moment), **entry}) + "\n")
        (tmp_path / "entries").write_text("".join(rows))
        tool = tmp_path / "journalctl"
        tool.write_text(f"#!/bin/sh\ncat {tmp_path}/entries\n")
        tool.chmod(0o755)
        reviews = [{**ERRORS, **keys}]
        asked = source(kind="journal", units=["app.service"], reviews=reviews)
        found = findings(asked)["log:app.errors"]
        return found["status"], found["observed"]

    return review


def stdout(text: str, priority: int = 6, pid: int = 7, **more: t.Any) -> dict[str, t.Any]:
    fields = {"_TRANSPORT": "stdout", "_PID": str(pid), "_STREAM_ID": f"s{pid}"}
    return {"MESSAGE": text, "PRIORITY": str(priority), **fields, **more}


def test_captured_output_is_judged_by_its_text(journal: t.Callable[..., t.Any]) -> None:
    assert journal(stdout("ERROR:    Exception in ASGI application")) == ("warning", 1)
    assert journal(stdout("a line without a level")) == ("ok", 0)
    assert journal(stdout("a line that its writer marked <3>", 3)) == ("warning", 1)
    assert journal(stdout("[2026-11-27 01:46:24 +0000] [7] [ERROR] x")) == ("warning", 1)
    assert journal(stdout('time="2026-11-27T01:46:24Z" level=error msg=x')) == ("warning", 1)
    assert journal(stdout('{"level": "error", "message": "x"}')) == ("warning", 1)

    container = {"_TRANSPORT": "journal", "CONTAINER_ID": "c0ffee", "_PID": "1"}
    for text in ("INFO:     startup complete", "INFO startup complete"):
        assert journal({"MESSAGE": text, "PRIORITY": "3", **container}) == ("ok", 0)
    assert journal({"MESSAGE": "ERROR x", "PRIORITY": "6", **container}) == ("warning", 1)
    audit = {"MESSAGE": "AVC apparmor", "_TRANSPORT": "audit"}
    assert journal(audit) == ("ok", 0), "no priority is information"
    assert journal({**audit, "MESSAGE": ["ERROR x", "y"]}) == ("warning", 1)
    kernel = {"_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "kernel"}
    assert journal({"MESSAGE": "INFO: x", "PRIORITY": "3", **kernel}) == ("warning", 1)


def test_an_entry_that_begins_with_a_blank_is_its_own_writer_s(
    journal: t.Callable[..., t.Any],
) -> None:
    for blank in ("  ", "\t"):
        entries = [("6", "started"), ("3", f"{blank}I/O error on sda"), ("6", "fine")]
        rows = [{"PRIORITY": priority, "MESSAGE": text} for priority, text in entries]
        assert journal(*rows) == ("warning", 1)

    record = stdout(' {"level": "error", "message": "x"}')
    assert journal(stdout("fine"), record) == ("warning", 1)


def test_tracebacks_of_several_processes_are_kept_apart(journal: t.Callable[..., t.Any]) -> None:
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1', "KeyError: 1"]
    first, second = ([stdout(line, pid=pid) for line in trace] for pid in (7, 8))
    mixed = [row for pair in zip(first, second, strict=True) for row in pair]

    assert journal(*mixed) == ("warning", 2)
    fine = [stdout("INFO fine", pid=9), stdout("INFO fine", pid=9), stdout("INFO fine", pid=9)]
    mixed = [row for pair in zip(first, fine, strict=True) for row in pair]
    assert journal(*mixed, levels=["info"], exclude="Traceback")[1] == 3


@pytest.mark.parametrize("docker", [True, False])
def test_chained_tracebacks_of_containers_are_one_error(tmp_path: Path, docker: bool) -> None:
    lines = [
        "INFO fine",
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in f',
        "KeyError: 1",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "a.py", line 2, in f',
        "sqlalchemy.exc.IntegrityError: (psycopg.errors.UniqueViolation) duplicate key",
        "DETAIL:  Key (id)=(7) already exists.",
        "[SQL: INSERT INTO orders VALUES (7)]",
        "INFO fine",
        "Traceback (most recent call last):",
        '  File "a.py", line 3, in f',
        "requests.exceptions.ConnectTimeout: ERROR",
        "INFO fine",
    ]
    identity, moment = "c0" * 32, ago(minutes=1)
    home = tmp_path / identity
    if docker:
        home.mkdir()
        (home / "config.v2.json").write_text('{"Name": "/shop-api"}')
        rows = [
            json.dumps({"log": f"{text}\n", "stream": "stderr", "time": moment}) for text in lines
        ]
        write(home / f"{identity}-json.log", *rows)
        (tmp_path / ("ab" * 32)).mkdir()
        (tmp_path / ("ab" * 32) / "config.v2.json").write_bytes(b"\0" * 40)
    else:
        (home / "userdata").mkdir(parents=True)
        listed = [{"id": identity, "names": ["shop-api"]}]
        (tmp_path / "containers.json").write_text(json.dumps(listed))
        write(home / "userdata" / "ctr.log", *[f"{moment} stderr F {text}" for text in lines])

    asked = source(kind="container", containers=["shop-api"], reviews=[ERRORS])
    found = findings(asked, container_roots=[str(tmp_path)])

    assert found["log:app.errors"]["observed"] == 2
    assert found["log:app"]["status"] == "ok", "a damaged description of another one hides nothing"


# --- patterns of the profiles --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("Failed password for ada from 192.0.2.7 port 5 ssh2", "192.0.2.7"),
        (
            "Failed password for invalid user test from 192.0.2.7 port 58946 ssh2: "
            "from 198.51.100.9 port 55555 ssh2",
            "192.0.2.7",
        ),
        (
            "Failed password for invalid user x from 198.51.100.9 port 1 ssh2 "
            "from 192.0.2.7 port 2 ssh2",
            "192.0.2.7",
        ),
        ("Failed password for x from dsl-7.example.org port 5 ssh2", "dsl-7.example.org"),
        ("Failed keyboard-interactive/pam for x from 2001:db8::1 port 2 ssh2", "2001:db8::1"),
        ("pam_unix(sshd:auth): authentication failure; rhost=example.org user=x", None),
        ("error: PAM: Authentication failure for x from 192.0.2.7", None),
        ("Failed publickey for ada from 192.0.2.7 port 5 ssh2: ED25519 SHA256:x", None),
    ],
)
def test_one_failed_sign_in_is_one_line_and_blames_the_right_address(
    journal: t.Callable[..., t.Any], line: str, address: str | None
) -> None:
    [raw] = [
        review
        for entry in profiles.load(PROJECT, "hyperopt")["system_log_reviews"]
        for review in entry["reviews"]
        if (entry["name"], review["name"]) == ("sign-ins", "failed")
    ]
    raw = {key: value for key, value in raw.items() if key not in ("cadences", "name")}
    journal({"MESSAGE": line, "PRIORITY": "6", "_TRANSPORT": "syslog", "_PID": "7"})
    asked = source(kind="journal", identifiers=["sshd"], reviews=[{**raw, "name": "failed"}])
    [row] = run(asked)["reviews"]

    assert row["groups"] == ([{"value": address, "count": 1}] if address else [])
