# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal and the logs of containers: entries, one for each line of output, made events again.

An entry gets the head of a wrapped line (parsers.MARK). A traceback comes as many entries; those of
one process and stream are put together, however the entries of others lie between them.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import typing as t
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base.deadline import Deadline
from ..base.files import read_bytes
from .events import LONGEST, UNKNOWN, Part
from .files import BLOCK, Meter, UnreadableError, quoted
from .formats.line_format import CONTINUES
from .formats.parsers import FALLBACK, MARK, OWN_EVENT
from .settings import LogSource
from .times import StampReader

#: More than this of one source is not a journal to be read on a live host, bytes.
MOST_BYTES: t.Final = 512 << 20
#: Descriptions of containers are small, bytes.
_DESCRIPTION: t.Final = 16 << 20
#: Events of different processes that may be open at once.
_OPEN: t.Final = 256
#: Lines of one event follow each other within this time, and those of one text at once, seconds.
_TOGETHER: t.Final = 120.0
_AT_ONCE: t.Final = 0.5
#: Events are handed on in blocks of about this size, bytes.
_BLOCK: t.Final = 1 << 18
_FIELDS: t.Final = (
    "MESSAGE,PRIORITY,__REALTIME_TIMESTAMP,_TRANSPORT,_PID,_STREAM_ID,SYSLOG_IDENTIFIER,"
    "CONTAINER_ID,CONTAINER_NAME"
)
_CONTINUES: t.Final = re.compile(CONTINUES.encode(), re.MULTILINE)
_CHAIN: t.Final = re.compile(rb"During handling of |The above exception |Caused by")
_DIGITS: t.Final = tuple("01234567")
_INFORMATION: t.Final = "6"
_IDENTITY: t.Final = frozenset("0123456789abcdef")


@dataclass
class _Open:
    """An event that may go on; ``chained``: whether another traceback belongs to it."""

    head: bytes
    lines: list[bytes]
    size: int
    moment: float
    traced: bool
    chained: bool
    fresh: bool | None


class Assembler:
    """Puts lines of output together to events, for each writer on its own."""

    def __init__(self) -> None:
        self._open: dict[t.Any, _Open] = {}

    def take(
        self,
        writer: t.Any,
        moment: float,
        priority: str,
        text: bytes,
        fresh: bool | None = None,
        captured: bool = True,
    ) -> Iterator[tuple[bytes, bool | None]]:
        """Yield the events that end with this line. ``captured``: whether it is raw output."""
        text = text.rstrip(b"\r\n").replace(MARK, b" ").replace(b"\n", b"\n ")
        if text.lstrip().startswith(b"{"):
            text = text.lstrip()

        held = self._open.get(writer)
        if held is not None and _goes_on(held, moment, text, captured):
            held.lines.append(b" " + text)
            held.size += len(text) + 2
            held.moment = moment
            held.traced = held.traced or text.startswith(b"Traceback ")
            held.chained = _CHAIN.match(text) is not None or (held.chained and not text.strip())
            return
        if not text.strip():
            return

        if held is not None:
            yield _line(self._open.pop(writer))
        elif len(self._open) >= _OPEN:
            yield _line(self._open.pop(next(iter(self._open))))

        head = b"%s%.6f %s\n" % (MARK, max(moment, 0.0), priority.encode())
        traced = text.startswith(b"Traceback ")
        self._open[writer] = _Open(head, [text], len(text), moment, traced, False, fresh)

    def rest(self) -> Iterator[tuple[bytes, bool | None]]:
        """Yield the events that are still open."""
        for held in self._open.values():
            yield _line(held)

        self._open.clear()


def _goes_on(held: _Open, moment: float, text: bytes, captured: bool) -> bool:
    """Return whether a line of the same writer goes on with an event."""
    passed = abs(moment - held.moment)
    if held.size > LONGEST or passed > _TOGETHER:
        return False
    if text.startswith(b"Traceback "):
        return not held.traced or held.chained
    if _CONTINUES.match(text):
        return held.traced or captured

    # What an exception says may go on over several lines, which are printed at once.
    return held.traced and captured and passed < _AT_ONCE and not OWN_EVENT.match(text)


def _line(held: _Open) -> tuple[bytes, bool | None]:
    return held.head + b"\n".join(held.lines) + b"\n", held.fresh


def join(events: Iterable[tuple[bytes, bool | None]]) -> Iterator[Part]:
    """Yield events joined to parts that are worth searching; who takes them names the parser."""
    held: list[bytes] = []
    size, fresh = 0, None
    for line, is_fresh in events:
        if held and (is_fresh != fresh or size >= _BLOCK):
            yield Part(b"".join(held), UNKNOWN, fresh=fresh)
            held, size = [], 0

        held.append(line)
        size += len(line)
        fresh = is_fresh

    if held:
        yield Part(b"".join(held), UNKNOWN, fresh=fresh)


def split_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of some blocks, without their ends; one that is too long comes in parts."""
    carried = b""
    for block in blocks:
        *whole, carried = (carried + block).split(b"\n")
        yield from whole
        if len(carried) > LONGEST:
            yield carried
            carried = b""

    if carried:
        yield carried


# --- the journal ---------------------------------------------------------------------------------


def journal_matches(source: LogSource) -> list[str]:
    """Return what journalctl is to look for: units by what they themselves wrote, programs by name.

    Both at once would mean entries that fit both, so ``+`` stands between them.
    """
    units = [f"_SYSTEMD_UNIT={unit}" for unit in source.units]
    identifiers = [f"SYSLOG_IDENTIFIER={name}" for name in source.identifiers]

    return [*units, *(["+"] if units and identifiers else []), *identifiers]


def read_journal(
    source: LogSource, since: float, meter: Meter, deadline: Deadline
) -> Iterator[tuple[bytes, bool | None]]:
    """Yield the events since a time as wrapped lines; raises UnreadableError."""
    assembler = Assembler()
    arguments = [f"--since=@{int(max(since, 0))}", *journal_matches(source)]

    for raw in _entries(arguments, meter, deadline):
        entry = _journal_entry(raw)
        if entry is not None:
            yield from assembler.take(**entry)

    yield from assembler.rest()


def journal_holds_any(source: LogSource, deadline: Deadline) -> bool:
    """Return whether the journal holds anything of a source, however old."""
    return any(True for _ in _entries(["--lines=1", *journal_matches(source)], Meter(), deadline))


def _journal_entry(raw: bytes) -> dict[str, t.Any] | None:
    """Return what an entry says, None for one that has no message.

    The priority of captured output says nothing about a line that names its own level, and that of
    a container only from which of its streams a line came.
    """
    try:
        entry = json.loads(raw)
        moment = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
    except (ValueError, KeyError, TypeError, RecursionError):
        return None

    message = _message(entry.get("MESSAGE"))
    if message is None:
        return None

    # An entry without a priority counts as information, as journalctl has it.
    given = str(entry.get("PRIORITY", ""))
    priority = given if given in _DIGITS else _INFORMATION
    contained = bool(entry.get("CONTAINER_ID") or entry.get("CONTAINER_NAME"))
    transport = entry.get("_TRANSPORT")
    captured = contained or transport == "stdout"
    if contained:
        priority = "-"
    elif captured or transport is None or priority != given:
        priority = FALLBACK.decode()[int(priority)]

    named = ("_PID", "_STREAM_ID", "SYSLOG_IDENTIFIER", "CONTAINER_ID", "_TRANSPORT")
    stream = priority if captured or transport is None else ""
    writer = (*(str(entry.get(name)) for name in named), stream)

    return {
        "writer": writer,
        "moment": moment,
        "priority": priority,
        "text": message,
        "captured": captured,
    }


def _message(value: t.Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if not isinstance(value, list):
        return None
    if value and all(isinstance(item, str) for item in value):  # a field that came several times
        return "\n".join(value).encode("utf-8", "replace")

    try:
        return bytes(value)  # bytes that are not text come as numbers
    except (ValueError, TypeError):
        return None


def _entries(arguments: list[str], meter: Meter, deadline: Deadline) -> Iterator[bytes]:
    tool = shutil.which("journalctl", path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin")
    if tool is None:
        raise UnreadableError("there is no journalctl on this host")

    # --all: a long message would be left out otherwise.
    fixed = ["--output=json", f"--output-fields={_FIELDS}", "--all", "--quiet", "--no-pager"]

    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603 - a fixed command; names are single arguments
            [tool, *fixed, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
        ) as process,
    ):
        try:
            yield from split_lines(_output(process, meter, deadline))
        except BaseException:
            process.kill()
            raise

        process.wait()
        complaints.seek(0)
        lines = complaints.read(2000).decode("utf-8", "replace").strip().splitlines()

    if process.returncode and lines:
        raise UnreadableError(f"journalctl ended with {process.returncode}: {lines[-1]}")


def _output(process: subprocess.Popen[bytes], meter: Meter, deadline: Deadline) -> Iterator[bytes]:
    descriptor, total = t.cast(t.IO[bytes], process.stdout).fileno(), 0
    while True:
        ready, _, _ = select.select([descriptor], [], [], deadline.left)
        if not ready:
            raise UnreadableError(f"journalctl did not finish within {deadline.seconds:g} s")

        block = os.read(descriptor, BLOCK)
        if not block:
            return

        total += len(block)
        meter.read += len(block)
        if total > MOST_BYTES:
            raise UnreadableError(
                f"the journal holds more than {MOST_BYTES >> 20} MiB in this window"
            )

        yield block


# --- containers ----------------------------------------------------------------------------------


class ContainerLog(t.NamedTuple):
    """A log file, and whether Docker wrote it (else Podman)."""

    path: Path
    docker: bool


def find_containers(
    patterns: Iterable[str], roots: Iterable[str]
) -> tuple[list[ContainerLog], list[str]]:
    """Return the logs of the containers whose names match a shell pattern.

    And what could not be read of the descriptions of containers, since a name may stand there.
    Raises UnreadableError for none. Compose puts a number behind a name, so ``shop-api*`` finds all
    instances.
    """
    existing = [Path(root) for root in roots if Path(root).is_dir()]
    if not existing:
        raise UnreadableError("no container engine keeps its logs in files on this host")

    named: dict[str, list[ContainerLog]] = {}
    damaged: list[str] = []
    for root in existing:
        for name, log in (*_docker(root, damaged), *_podman(root, damaged)):
            named.setdefault(name, []).append(log)

    found: list[ContainerLog] = []
    for pattern in patterns:
        matching = [
            log
            for name, logs in named.items()
            if fnmatch.fnmatchcase(name, pattern)
            for log in logs
        ]
        if not matching:
            more = f"; {'; '.join(damaged)}" if damaged else ""
            raise UnreadableError(f"no container is called {pattern!r}{more}")

        found += matching

    return sorted(set(found)), damaged


def _docker(root: Path, damaged: list[str]) -> Iterator[tuple[str, ContainerLog]]:
    for description in sorted(root.glob("*/config.v2.json")):
        identity = description.parent.name
        described = _json(description, damaged)
        if isinstance(described, dict) and set(identity) <= _IDENTITY:
            name = str(described.get("Name", "")).lstrip("/")
            yield name, ContainerLog(description.parent / f"{identity}-json.log", True)


def _podman(root: Path, damaged: list[str]) -> Iterator[tuple[str, ContainerLog]]:
    listed = root / "containers.json"
    described = _json(listed, damaged) if listed.is_file() else []
    for entry in described if isinstance(described, list) else []:
        identity = str(entry.get("id", "")) if isinstance(entry, dict) else ""
        if identity and set(identity) <= _IDENTITY:
            log = ContainerLog(root / identity / "userdata" / "ctr.log", False)
            yield from ((str(name), log) for name in entry.get("names") or [])


def _json(path: Path, damaged: list[str]) -> t.Any:
    try:
        return json.loads(read_bytes(path, _DESCRIPTION, trusted_links=True))
    except (OSError, ValueError, RecursionError) as error:
        damaged.append(f"{quoted(path)} cannot be read: {error}")
        return None


class ContainerStream:
    """Lines of one container's file, put together to events; parts of long lines are joined."""

    def __init__(self, docker: bool, reader: StampReader) -> None:
        self._docker, self._reader = docker, reader
        self._assembler = Assembler()
        self._begun: dict[t.Any, tuple[float, bytes]] = {}

    def translate(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Yield the parts of a container's file as parts of wrapped lines."""
        return join(self._events(parts))

    def _events(self, parts: Iterable[Part]) -> Iterator[tuple[bytes, bool | None]]:
        carried, fresh = b"", None
        for part in parts:
            if part.starts and carried:
                yield from self._take(carried, fresh)
                carried = b""

            fresh = part.fresh
            *whole, carried = (carried + part.data).split(b"\n")
            for line in whole:
                yield from self._take(line, fresh)

            if len(carried) > 2 * LONGEST:
                carried = b""

        if carried:
            yield from self._take(carried, fresh)
        for stream, (moment, text) in self._begun.items():
            yield from self._assembler.take(stream, moment, "-", text, fresh)

        yield from self._assembler.rest()

    def _take(self, line: bytes, fresh: bool | None) -> Iterator[tuple[bytes, bool | None]]:
        """Yield the events that end with a line; an event has the time of its first part."""
        entry = self._docker_entry(line) if self._docker else self._podman_entry(line)
        if entry is None:
            return

        stream, moment, text, whole = entry
        begin, begun = self._begun.pop(stream, (moment, b""))
        if whole or len(begun) >= LONGEST:
            yield from self._assembler.take(stream, begin, "-", begun + text, fresh)
        else:
            self._begun[stream] = begin, begun + text

    def _docker_entry(self, line: bytes) -> tuple[str, float, bytes, bool] | None:
        """Return stream, time, text and whether it ends a line, of Docker's json-file driver."""
        try:
            entry = json.loads(line)
            text, stream = entry["log"].encode("utf-8", "replace"), str(entry.get("stream"))
            moment = self._reader.of_value(entry["time"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

        return None if moment is None else (stream, moment, text, text.endswith(b"\n"))

    def _podman_entry(self, line: bytes) -> tuple[str, float, bytes, bool] | None:
        """Return the same of Podman's k8s-file driver: time, stream, F (whole) or P, text."""
        parts = line.split(b" ", 3)
        moment = self._reader.read(parts[0]) if len(parts) >= 3 else None
        if moment is None:
            return None

        text = parts[3] if len(parts) > 3 else b""

        return parts[1].decode("utf-8", "replace"), moment, text, parts[2] == b"F"
