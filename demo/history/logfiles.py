# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log files as they are after months: the live one, rotated, compressed, and archives."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import os
import shutil
import tarfile
import typing as t
from pathlib import Path

from .lines import Line

#: Lines of one day, from the day and how many days ago it was.
DayLines = t.Callable[[dt.date, int], list[Line]]
LEVEL: t.Final = 4  # of compression: half the time of the usual 6, a few percent more bytes


class HistoryClock(t.NamedTuple):
    """The moment up to which there is history."""

    today: dt.date
    ms: int  # since midnight, UTC

    @classmethod
    def now(cls, now: dt.datetime) -> HistoryClock:
        """Return the clock at a moment in UTC."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(now.date(), int((now - midnight).total_seconds() * 1000))


class Period(t.NamedTuple):
    """One file's days.

    ``end`` is the day at whose beginning it was set aside, None for the live file.
    """

    days: tuple[dt.date, ...]
    end: dt.date | None


def periods(today: dt.date, days: int, starts: t.Callable[[dt.date], bool]) -> list[Period]:
    """Return the files that there were in the last ``days`` days, the oldest first.

    ``starts`` tells a first day.
    """
    found: list[list[dt.date]] = [[]]
    for age in range(days, -1, -1):
        day = today - dt.timedelta(days=age)
        if starts(day) and found[-1]:
            found.append([])

        found[-1].append(day)

    ends = [*(part[0] for part in found[1:]), None]

    return [Period(tuple(part), end) for part, end in zip(found, ends, strict=True)]


def daily(_day: dt.date) -> bool:
    """Rotate each day."""
    return True


def weekly(day: dt.date) -> bool:
    """Rotate each Monday."""
    return day.weekday() == 0


def monthly(day: dt.date) -> bool:
    """Rotate on the first Monday of the month."""
    return day.weekday() == 0 and day.day <= 7


def kept(period: Period, today: dt.date, keep_days: int) -> bool:
    """Return whether a file is still there after ``keep_days`` days of retention."""
    return period.end is None or (today - period.end).days < keep_days


def text_of(days: t.Iterable[dt.date], clock: HistoryClock, lines: DayLines) -> bytes:
    """Return the bytes of a file; of today only what has happened already."""
    parts = []
    for day in days:
        limit = clock.ms if day == clock.today else 86_400_000
        parts += [text for ms, text in lines(day, (clock.today - day).days) if ms < limit]

    return "\n".join([*parts, ""]).encode() if parts else b""


class FileOwner(t.NamedTuple):
    """Whom files belong to."""

    user: str
    group: str
    mode: int = 0o640


class Writer:
    """Writes files whole or not at all, and counts their bytes as they are when not compressed."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(
        self, path: Path, data: bytes, owner: FileOwner, changed: dt.date | None, compress: bool
    ) -> None:
        """Write one file, with the day at whose beginning it was last written to."""
        self.bytes += len(data)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_bytes(gzip.compress(data, LEVEL, mtime=0) if compress else data)
        draft.chmod(owner.mode)
        shutil.chown(draft, owner.user, owner.group)
        if changed is not None:
            _date(draft, changed)

        draft.replace(path)

    def dated(
        self, log: Path, files: list[Period], clock: HistoryClock, lines: DayLines, owner: FileOwner
    ) -> None:
        """Write a log whose rotated files carry date and time.

        The newest of them is not compressed yet.
        """
        newest = max((period.end for period in files if period.end), default=None)
        for period in files:
            data = text_of(period.days, clock, lines)
            packed = period.end is not None and period.end != newest
            stamp = f"-{period.end:%Y%m%d}-000000{'.gz' if packed else ''}" if period.end else ""
            if data or not stamp:
                self.write(log.with_name(log.name + stamp), data, owner, period.end, packed)

    def numbered(
        self, log: Path, count: int, clock: HistoryClock, lines: DayLines, owner: FileOwner
    ) -> None:
        """Write a log whose daily rotated files are numbered, as in Debian's configurations."""
        for age in range(count + 1):
            day = clock.today - dt.timedelta(days=age)
            name = log.name + (f".{age}" if age else "") + (".gz" if age > 1 else "")
            end = day + dt.timedelta(days=1) if age else None
            self.write(log.with_name(name), text_of([day], clock, lines), owner, end, age > 1)

    def archives(
        self,
        folder: Path,
        prefix: str,
        oldest: dt.date,
        end: dt.date,
        clock: HistoryClock,
        logs: t.Mapping[str, DayLines],
    ) -> None:
        """Write one tar archive a month of the days from ``oldest`` to before ``end``."""
        months: dict[tuple[int, int], list[dt.date]] = {}
        for number in range((end - oldest).days):
            day = oldest + dt.timedelta(days=number)
            months.setdefault((day.year, day.month), []).append(day)

        for days in months.values():
            made = days[-1] + dt.timedelta(days=1)
            members = {name: text_of(days, clock, lines) for name, lines in logs.items()}
            self.bytes += sum(len(data) for data in members.values())
            path = folder / f"{prefix}{made:%Y%m%d}.tar.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive(members, made))
            path.chmod(0o640)
            _date(path, made)


def archive(members: t.Mapping[str, bytes], made: dt.date) -> bytes:
    """Return a compressed tar archive, the same bytes for the same members."""
    raw = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), _seconds(made), 0o640
            tar.addfile(entry, io.BytesIO(data))

    return raw.getvalue()


def _seconds(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


def _date(path: Path, day: dt.date) -> None:
    os.utime(path, (_seconds(day), _seconds(day)))
