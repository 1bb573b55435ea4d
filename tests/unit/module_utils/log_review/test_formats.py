# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each format takes lines of its program apart, and whole files of it are counted exactly.

Files are made anew in the shape of real ones, and counted by a second reader: strptime on the part
of each line where its format has the time.
"""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import json
import lzma
import os
import random
import subprocess
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_review.events import Chunk, Fit
from ansible.module_utils.upkeep.log_review.formats import FORMATS, ORDER
from ansible.module_utils.upkeep.log_review.reading import detect, parser_of
from ansible.module_utils.upkeep.log_review.times import StampReader
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.log_review.log_samples import run, source
from tools import PROJECT

Make = t.Callable[[dt.datetime, str, str], str]


@dataclass(frozen=True)
class Program:
    """How a program writes a line of a level, and where its time stands for a second reader."""

    make: Make
    levels: dict[str, str]
    stamp: t.Callable[[str], str]
    pattern: str
    continues: tuple[str, ...] = ()
    has_message: bool = True


def _iso(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03}"


def _z(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _json(time_key: str, level_key: str, message_key: str, **more: t.Any) -> Make:
    def make(moment: dt.datetime, level: str, message: str) -> str:
        record = {time_key: _z(moment), level_key: level, message_key: message, **more}
        return json.dumps({key: value for key, value in record.items() if key})

    return make


def _pino(moment: dt.datetime, level: str, message: str) -> str:
    milliseconds = int(moment.timestamp() * 1000)
    return json.dumps({"level": int(level), "time": milliseconds, "pid": 7, "msg": message})


def _mongodb(moment: dt.datetime, level: str, message: str) -> str:
    return json.dumps({"t": {"$date": _z(moment)}, "s": level, "c": "NETWORK", "msg": message})


def _of_json(*keys: str) -> t.Callable[[str], str]:
    def read(line: str) -> str:
        value = json.loads(line)
        for key in keys:
            value = value[key]
        if isinstance(value, int):
            return dt.datetime.fromtimestamp(value / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return str(value)

    return read


def _columns(start: int, stop: int) -> t.Callable[[str], str]:
    return lambda line: line[start:stop]


def _upper(*names: str) -> dict[str, str]:
    known = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error"}
    known |= {"CRITICAL": "critical", "WARN": "warning", "FATAL": "critical"}

    return {name: known[name.upper()] for name in names}


TRACE: t.Final = (
    "Traceback (most recent call last):",
    '  File "/srv/app/a.py", line 7, in pay',
    "    raise ValueError(order)",
    "ValueError: 7",
)
NAMES: t.Final = _upper("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
JSON_TIME: t.Final = "%Y-%m-%dT%H:%M:%S.%fZ"
REQUEST: t.Final = '"GET /x?a=1 HTTP/1.1" {} 512 "-" "curl/8.5"'

PROGRAMS: t.Final[dict[str, Program]] = {
    "python": Program(
        lambda when, level, text: f"{_iso(when)} - shop.api - {level} - {text}",
        NAMES, _columns(0, 23), "%Y-%m-%d %H:%M:%S,%f", TRACE,
    ),
    "java": Program(
        lambda when, level, text: f"{when:%d-%b-%Y %H:%M:%S}.{when.microsecond // 1000:03} "
        f"{level} [main] {text}",
        {"FINE": "debug", "INFO": "info", "WARNING": "warning", "SEVERE": "error"},
        _columns(0, 24), "%d-%b-%Y %H:%M:%S.%f", ("\tat org.example.Pay.pay(Pay.java:7)",),
        has_message=False,
    ),
    "gunicorn": Program(
        lambda when, level, text: f"[{when:%Y-%m-%d %H:%M:%S} +0000] [7] [{level}] {text}",
        NAMES, _columns(1, 20), "%Y-%m-%d %H:%M:%S", TRACE,
    ),
    "celery": Program(
        lambda when, level, text: f"[{_iso(when)}: {level}/ForkPoolWorker-1] {text}",
        NAMES, _columns(1, 24), "%Y-%m-%d %H:%M:%S,%f", TRACE,
    ),
    "nginx_access": Program(
        lambda when, level, _: f"192.0.2.7 - - [{when:%d/%b/%Y:%H:%M:%S} +0000] "
        + REQUEST.format(level),
        {"200": "", "500": ""}, lambda line: line.split("[")[1][:20], "%d/%b/%Y:%H:%M:%S",
        has_message=False,
    ),
    "apache_access": Program(
        lambda when, level, _: f"shop.example.org:443 192.0.2.7 - ada "
        f"[{when:%d/%b/%Y:%H:%M:%S} +0000] " + REQUEST.format(level),
        {"200": "", "500": ""}, lambda line: line.split("[")[1][:20], "%d/%b/%Y:%H:%M:%S",
        has_message=False,
    ),
    "nginx_error": Program(
        lambda when, level, text: f"{when:%Y/%m/%d %H:%M:%S} [{level}] 42#42: *17 {text}",
        {"info": "info", "warn": "warning", "error": "error", "crit": "critical"},
        _columns(0, 19), "%Y/%m/%d %H:%M:%S",
    ),
    "apache_error": Program(
        lambda when, level, text: f"[{when:%a %b %d %H:%M:%S.%f %Y}] [core:{level}] [pid 7:tid 8] "
        f"[client 192.0.2.7:5100] {text}",
        {"info": "info", "warn": "warning", "error": "error", "crit": "critical"},
        _columns(5, 32), "%b %d %H:%M:%S.%f %Y",
    ),
    "logfmt": Program(
        lambda when, level, text: f"time={_z(when)} level={level} msg={json.dumps(text)}",
        {"info": "info", "warning": "warning", "error": "error", "fatal": "critical"},
        _columns(5, 29), JSON_TIME, has_message=False,
    ),
    "syslog_3164": Program(
        lambda when, level, text: f"{when:%b %e %H:%M:%S} web-1 shop[7]: {level} {text}",
        NAMES, _columns(0, 15), "%b %d %H:%M:%S",
    ),
    "syslog_5424": Program(
        lambda when, level, text: f"<{level}>1 {_z(when)} web-1 shop 7 ID47 - {text}",
        {"14": "info", "12": "warning", "11": "error", "10": "critical", "15": "debug"},
        lambda line: line.split(" ")[1], JSON_TIME,
    ),
    "postgresql": Program(
        lambda when, level, text: f"{_iso(when).replace(',', '.')} UTC [42] ada@shop {level}:  "
        f"{text}",
        {"LOG": "info", "WARNING": "warning", "ERROR": "error", "FATAL": "critical"},
        _columns(0, 23), "%Y-%m-%d %H:%M:%S.%f", ("\tSELECT 7",),
    ),
    "redis": Program(
        lambda when, level, text: f"7:M {when:%d %b %Y %H:%M:%S}.{when.microsecond // 1000:03} "
        f"{level} {text}",
        {".": "debug", "-": "debug", "*": "info", "#": "warning"},
        _columns(4, 28), "%d %b %Y %H:%M:%S.%f",
    ),
    "cri": Program(
        lambda when, level, text: f"{_z(when)} stdout F {level} {text}",
        NAMES, _columns(0, 24), JSON_TIME,
    ),
    "timestamped": Program(
        lambda when, _, text: f"{when:%Y-%m-%d %H:%M:%S} {text}",
        {"": ""}, _columns(0, 19), "%Y-%m-%d %H:%M:%S",
    ),
    "json": Program(
        _json("timestamp", "level", "message"), NAMES, _of_json("timestamp"), JSON_TIME
    ),
    "json_ts": Program(
        _json("ts", "level", "msg"),
        {"info": "info", "warn": "warning", "error": "error"}, _of_json("ts"), JSON_TIME,
    ),
    "json_time": Program(_json("time", "level", "msg"), NAMES, _of_json("time"), JSON_TIME),
    "json_logstash": Program(
        _json("@timestamp", "level", "message"), NAMES, _of_json("@timestamp"), JSON_TIME
    ),
    "pino": Program(
        _pino, {"30": "info", "40": "warning", "50": "error", "60": "critical"},
        _of_json("time"), JSON_TIME,
    ),
    "gelf": Program(
        lambda when, level, text: json.dumps(
            {"version": "1.1", "timestamp": when.timestamp(), "level": int(level),
             "short_message": text}
        ),
        {"7": "debug", "6": "info", "4": "warning", "3": "error", "2": "critical"},
        lambda line: dt.datetime.fromtimestamp(
            json.loads(line)["timestamp"], dt.UTC
        ).strftime(JSON_TIME), JSON_TIME,
    ),
    "mongodb": Program(
        _mongodb, {"I": "info", "W": "warning", "E": "error", "F": "critical", "D1": "debug"},
        _of_json("t", "$date"), JSON_TIME,
    ),
    "nextcloud": Program(
        lambda when, level, text: json.dumps(
            {"reqId": "x", "level": int(level), "time": _z(when), "message": text}
        ),
        {"0": "debug", "1": "info", "2": "warning", "3": "error", "4": "critical"},
        _of_json("time"), JSON_TIME,
    ),
    "docker": Program(
        lambda when, _, text: json.dumps(
            {"log": f"{text}\n", "stream": "stdout", "time": _z(when)}
        ),
        {"": ""}, _of_json("time"), JSON_TIME,
    ),
}  # fmt: skip

#: Of formats without a time nothing can be counted in windows.
TIMELESS: t.Final = {"uvicorn"}

#: No capitals, so that no level stands in it by chance; no bars and quotes at its ends.
MESSAGES: t.Final = st.from_regex(r"[a-z][a-z0-9 ._/äß$@-]{0,80}[a-z0-9]", fullmatch=True)
MOMENTS: t.Final = st.datetimes(
    dt.datetime(2025, 12, 1), dt.datetime(2026, 11, 20), timezones=st.just(dt.UTC)
)


def test_every_format_is_tried() -> None:
    assert set(FORMATS) == set(PROGRAMS) | TIMELESS


@pytest.mark.parametrize("name", PROGRAMS)
@given(data=st.data())
def test_a_line_of_random_values_is_taken_apart_into_them(name: str, data: st.DataObject) -> None:
    program = PROGRAMS[name]
    moment, text = data.draw(MOMENTS), data.draw(MESSAGES)
    written, level = data.draw(st.sampled_from(sorted(program.levels.items())))
    line = f"{program.make(moment, written, text)}\n".encode()
    reader = StampReader(dt.UTC, dt.datetime(2026, 11, 27, tzinfo=dt.UTC).timestamp())
    parser = parser_of(FORMATS[name], reader)

    assert parser.is_head(line, 0)
    assert parser.fits(line, 0, len(line), None)
    assert parser.time(line, 0, len(line), None) == pytest.approx(moment.timestamp(), abs=1)
    assert parser.level(line, 0, len(line)) == level
    if program.has_message:
        assert parser.message(line, 0, len(line)).strip() == text


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_format_is_recognised_by_its_lines(name: str) -> None:
    now = time.time()
    lines = "".join(f"{line}\n" for line in _lines(PROGRAMS[name], 7, 400, now))
    parser, words = detect(lines.encode(), StampReader(dt.UTC, now))

    assert parser is not None, words
    # What the level of such a line is, is the same in both.
    assert parser.name in {name, "python"} if name in ("cri", "syslog_3164") else {name}


@pytest.mark.parametrize("form", ORDER, ids=[form.name for form in ORDER])
def test_the_examples_of_a_format_fit_it_and_stand_on_its_page(form: t.Any) -> None:
    page = (PROJECT / "docs" / "log-formats.md").read_text(encoding="utf-8")
    parser = parser_of(form, StampReader(dt.UTC, time.time()), bare=True)

    assert f"| `{form.name}` | {form.description} | `{form.examples[0]}` |" in page
    for example in form.examples:
        line = f"{example}\n".encode()
        assert parser.is_head(line, 0)
        assert parser.fits(line, 0, len(line), None)


PIECES: t.Final = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([example.encode() for form in ORDER for example in form.examples]),
        st.sampled_from([b"\n", b"{", b"\x1e1.000000 6\n", b"[", b"1e999", b"\xff", b'"' * 3]),
    ),
    max_size=8,
)


@given(pieces=PIECES, form=st.sampled_from(ORDER))
def test_nothing_that_stands_in_a_log_raises(pieces: list[bytes], form: t.Any) -> None:
    data = b"".join(pieces)
    parser = parser_of(form, StampReader(dt.UTC, 2e9), bare=True)
    chunk, fit = Chunk(data, parser, None), Fit()
    fit.take(chunk)

    assert fit.unfit <= max(fit.lines, 1)
    for event in chunk.events:
        parser.message(data, event.start, event.end)
        parser.field(data, event.start, event.end, "status")
        assert chunk.at(event.start).start <= event.start


#: Lines in the shape of other programs, with the format that fits them and their level.
OTHERS: t.Final = [
    ("2026-11-27 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:2181:Fast@774] - Time out: 3200",
     "python", "info"),
    ("2026-11-27 18:01:47,978 WARN [main] org.example.v2.app.Master: Created", "python", "warning"),
    ("2026-11-27 04:30:30, Info                  CBS    Loaded Servicing Stack", "python", "info"),
    ("[2026-11-27T01:46:24,123][INFO ][o.e.n.Node] [node-1] started", "python", "info"),
    ("2026-11-27T01:46:24.123456Z 0 [ERROR] [MY-010000] [Server] x", "python", "error"),
    ("2026-11-27 01:46:24.123456+00:00 [info] <0.9.0> started", "python", "info"),
    ("[2026-11-27 01:46:24] production.ERROR: cannot pay {\"exception\":\"[object]", "python",
     "error"),
    ("Nov 27 06:55:46 LabSZ sshd[24200]: Invalid user x from 192.0.2.7", "syslog_3164", ""),
    ("Nov 27 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; uid=0", "syslog_3164",
     ""),
    ("Nov 27 09:00:55 host-10 kernel[0]: IOThunderboltSwitch<0>(0x0)::x", "syslog_3164", ""),
    ("[Fri Nov 27 04:47:44 2026] [error] mod_jk child workerEnv in error state 6", "apache_error",
     "error"),
    ('192.0.2.7 - - [27/Nov/2026:03:56:16 +0330] "GET /i/60844/200x200 HTTP/1.1" 200 5667 '
     '"https://shop.example.org/m" "Mozilla/5.0 (X11)" "-"', "nginx_access", ""),
    ('192.0.2.7 - - [27/Nov/2026:03:56:16 +0000] "\\x16\\x03\\x01" 400 226', "nginx_access", ""),
    ('192.0.2.7 - - [27/Nov/2026:03:56:16 +0000] "-" 408 -', "nginx_access", ""),
    ('time="2026-11-27T01:46:24.123Z" level=info msg="API listen on /run/docker.sock"', "logfmt",
     "info"),
    ("2026-11-27 01:46:24 UTC [7-1] shop@shop FATAL:  password authentication failed", "postgresql",
     "critical"),
    ('{"v":0,"name":"x","hostname":"h","pid":7,"level":50,"msg":"x","time":"2026-11-27T01:46:24Z"}',
     "pino", "error"),
    ("081109 203615 148 INFO dfs.DataNode: Receiving block", "", ""),
    ("17/06/09 20:10:40 INFO executor.Backend: Registered", "", ""),
    ("nova-api.log.1.2026-11-27_13:53:08 2026-11-27 00:00:00.008 25746 INFO nova x", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("line", "name", "level"), OTHERS)
def test_lines_of_other_programs(line: str, name: str, level: str) -> None:
    data = f"{line}\n".encode()
    parser, _ = detect(data * 20, StampReader(dt.UTC, time.time()))

    assert (parser.name if parser else "") == name
    if parser:
        assert parser.level(data, 0, len(data)) == level


def _lines(program: Program, seed: int, number: int, now: float) -> list[str]:
    """Return lines over two days, in the order of time but for a little disorder."""
    chance = random.Random(seed)  # noqa: S311 - the same lines each time
    ages = sorted((chance.uniform(5, 48 * 3600) for _ in range(number)), reverse=True)
    ages = [age for age in ages if all(abs(age - hours * 3600) > 60 for hours in HOURS)]
    rows = []
    for age in ages:
        moment = dt.datetime.fromtimestamp(now - age + chance.uniform(-20, 20), dt.UTC)
        level = chance.choice(sorted(program.levels))
        rows.append(program.make(moment, level, f"order {chance.randrange(10**6)} of ada"))
        if program.continues and chance.random() < 0.1:
            rows += program.continues

    return rows


HOURS: t.Final = (1, 6, 13, 30)


def _counted(program: Program, lines: list[str], hours: float, now: float) -> int:
    """Return how many lines of a window a second reader finds."""
    found = 0
    for line in lines:
        if line in program.continues:
            continue
        read = dt.datetime.strptime(program.stamp(line).strip(), program.pattern)
        moment = read.replace(tzinfo=dt.UTC, year=_year(read, now))
        found += moment.timestamp() >= now - hours * 3600

    return found


def _year(read: dt.datetime, now: float) -> int:
    if read.year != 1900:
        return read.year
    today = dt.datetime.fromtimestamp(now, dt.UTC)

    return today.year - (read.month > today.month)


def _write(folder: Path, lines: list[str], pieces: int) -> Path:
    """Write lines as one file, or as several that rotation has packed in different ways."""
    log = folder / "app.log"
    cuts = [len(lines) * number // pieces for number in range(pieces + 1)]
    parts = [lines[begin:end] for begin, end in itertools.pairwise(cuts)]
    for number, part in enumerate(reversed(parts)):
        data = "".join(f"{line}\n" for line in part).encode()
        if not number:
            log.write_bytes(data)
        elif number % 3 == 0:
            (folder / f"app.log.{number}.xz").write_bytes(lzma.compress(data, preset=0))
        elif number % 3 == 2:
            (folder / f"app.log.{number}.gz").write_bytes(gzip.compress(data, 1))
        else:
            (folder / f"app.log.{number}").write_bytes(data)

    return log


@pytest.mark.parametrize("pieces", [1, 5])
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "auto"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_whole_files_are_counted_exactly(
    tmp_path: Path, name: str, declared: bool, pieces: int
) -> None:
    program, now = PROGRAMS[name], time.time()
    lines = _lines(program, pieces, 3000, now)
    log = _write(tmp_path, lines, pieces)
    windows = [{"name": f"h{hours}", "window": f"{hours}h", "pattern": "."} for hours in HOURS]
    form = {"format": name} if declared else {}
    asked = source(paths=[str(log)], reviews=windows, time_zone="UTC", **form)
    answer = run(asked)
    statuses = {found["check"]: found["status"] for found in answer["findings"]}

    assert statuses["log:app"] == "ok", answer["findings"][0]
    # No line is within 40 s of where a window begins.
    assert time.time() - now < 40
    assert {row["check"]: row["count"] for row in answer["reviews"]} == {
        f"log:app.h{hours}": _counted(program, lines, hours, now) for hours in HOURS
    }


def test_awk_counts_the_same(tmp_path: Path) -> None:
    """Once with a reader that is not Python: requests by status, in lines of combined logs."""
    lines = _lines(PROGRAMS["nginx_access"], 3, 5000, time.time())
    log = _write(tmp_path, lines, 1)
    program = '$9 == 500 { found++ } END { printf "%d", found }'
    done = subprocess.run(
        ["awk", program, str(log)], capture_output=True, text=True, check=True, env={**os.environ}
    )
    review = {"name": "failed", "window": "all", "pattern": '" 500 '}
    answer = run(source(paths=[str(log)], reviews=[review]))

    assert answer["reviews"][0]["count"] == int(done.stdout)
