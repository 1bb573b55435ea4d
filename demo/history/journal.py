# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal of units, by systemd-journal-remote, which takes entries with their own times."""

from __future__ import annotations

import datetime as dt
import hashlib
import heapq
import shutil
import typing as t
from pathlib import Path

from .host import run
from .logfiles import DayLines, HistoryClock

TOOL: t.Final = "/usr/lib/systemd/systemd-journal-remote"
KEPT: t.Final = Path("/var/lib/demo/history.journal")
#: The folder of the journal is made anew in memory at each start of a container; the link leads it
#: to what is kept.
LINK: t.Final = Path("/etc/tmpfiles.d/demo-journal.conf")


class JournalSource(t.NamedTuple):
    """One unit: its name, its lines, and the fields that journald would have added."""

    unit: str
    identifier: str
    transport: str
    lines: DayLines


def entries(
    sources: t.Sequence[JournalSource], host: str, machine: str, clock: HistoryClock, days: int
) -> t.Iterator[bytes]:
    """Yield the entries of all sources in the order of time, in systemd's export format."""
    boot = hashlib.md5(f"{host} before".encode(), usedforsecurity=False).hexdigest()
    common = f"_BOOT_ID={boot}\n_MACHINE_ID={machine}\n_HOSTNAME={host}\nPRIORITY=6\n"
    first = _micros(clock.today - dt.timedelta(days=days))

    for age in range(days, -1, -1):
        day = clock.today - dt.timedelta(days=age)
        limit = clock.ms if age == 0 else 86_400_000
        midnight = _micros(day)
        streams = [
            [(ms, number, text) for ms, text in source.lines(day, age)]
            for number, source in enumerate(sources)
        ]
        for ms, number, text in heapq.merge(*streams):
            if ms >= limit:
                break

            micros = midnight + ms * 1000 + number
            unit, identifier, transport, _ = sources[number]
            pid = 400 + number
            yield (
                f"__REALTIME_TIMESTAMP={micros}\n__MONOTONIC_TIMESTAMP={micros - first}\n{common}"
                f"_TRANSPORT={transport}\n_SYSTEMD_UNIT={unit}\nSYSLOG_IDENTIFIER={identifier}\n"
                f"_PID={pid}\n_COMM={identifier}\nMESSAGE={text}\n\n"
            ).encode()


def _micros(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()) * 1_000_000


def write(sources: t.Sequence[JournalSource], host: str, clock: HistoryClock, days: int) -> int:
    """Add the entries to this host's journal; return the bytes of their messages and fields.

    Raises CalledProcessError. What an aborted boot left is replaced.
    """
    machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.unlink(missing_ok=True)
    data = b"".join(entries(sources, host, machine, clock, days))
    run(TOOL, "--split-mode=none", f"--output={KEPT}", "-", stdin=data)
    KEPT.chmod(0o640)
    shutil.chown(KEPT, group="systemd-journal")
    LINK.write_text(f"L+ /var/log/journal/%m/history.journal - - - - {KEPT}\n", encoding="ascii")
    run("systemd-tmpfiles", "--create", str(LINK))

    return len(data)
