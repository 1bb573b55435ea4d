# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading the journal through journalctl, within a bound of time and bytes."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
import typing as t

from .blocks import BLOCK, Meter
from .errors import Deadline, UnreadableError
from .settings import Source
from .wrapping import Wrapper, pieces, split_lines

#: More than this of one source is no journal to be read on a live host, bytes.
MOST_BYTES: t.Final = 512 << 20
_FIELDS: t.Final = "MESSAGE,PRIORITY,__REALTIME_TIMESTAMP"


def matches(source: Source) -> list[str]:
    """Return what journalctl is to look for: units by what they themselves wrote, programs by how they call themselves.

    Both at once would mean entries that fit both, so ``+`` stands between them.
    """
    units = [f"_SYSTEMD_UNIT={unit}" for unit in source.units]
    identifiers = [f"SYSLOG_IDENTIFIER={name}" for name in source.identifiers]

    return [*units, *(["+"] if units and identifiers else []), *identifiers]


def read(source: Source, since: float, meter: Meter, deadline: Deadline) -> t.Iterator[bytes]:
    """Yield the entries since a time as lines of a wrapped layout; raises UnreadableError."""
    wrapper = Wrapper(source.format)
    asked = [f"--since=@{int(max(since, 0))}", *matches(source)]

    return pieces(
        line for raw in _entries(asked, meter, deadline) if (line := _wrapped(raw, wrapper))
    )


def holds_any(source: Source, deadline: Deadline) -> bool:
    """Tell whether the journal holds anything of a source, however old."""
    return any(True for _ in _entries(["--lines=1", *matches(source)], Meter(), deadline))


def _wrapped(raw: bytes, wrapper: Wrapper) -> bytes:
    """Return an entry as a wrapped line; empty for one that has no message, or is none."""
    try:
        entry = json.loads(raw)
        moment = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
    except (ValueError, KeyError, TypeError, RecursionError):
        return b""

    message = entry.get("MESSAGE")
    if isinstance(message, list):  # bytes that are no text come as numbers
        try:
            message = bytes(message)
        except (ValueError, TypeError):
            return b""
    elif isinstance(message, str):
        message = message.encode("utf-8", "replace")
    else:
        return b""

    priority = str(entry.get("PRIORITY", "-"))

    return wrapper.wrap(moment, priority if priority in "01234567" else "-", message)


def _entries(asked: list[str], meter: Meter, deadline: Deadline) -> t.Iterator[bytes]:
    tool = shutil.which("journalctl", path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin")
    if tool is None:
        raise UnreadableError("there is no journalctl on this host")

    # --all: a long message would be left out otherwise.
    command = [
        tool,
        "--output=json",
        f"--output-fields={_FIELDS}",
        "--all",
        "--quiet",
        "--no-pager",
        *asked,
    ]

    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603 - a fixed command; unit and program names are single arguments
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        ) as process,
    ):
        try:
            yield from split_lines(_output(process, meter, deadline))
        except BaseException:
            process.kill()
            raise

        process.wait()
        complaints.seek(0)
        said = complaints.read(2000).decode("utf-8", "replace").strip().splitlines()

    if process.returncode and said:
        raise UnreadableError(f"journalctl ended with {process.returncode}: {said[-1]}")


def _output(
    process: subprocess.Popen[bytes], meter: Meter, deadline: Deadline
) -> t.Iterator[bytes]:
    assert process.stdout is not None  # noqa: S101 - for the type checker
    descriptor, total = process.stdout.fileno(), 0
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
