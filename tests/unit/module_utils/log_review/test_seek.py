# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Seeking by time and cutting into events, held against reading everything line by line."""

from __future__ import annotations

import datetime as dt
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_review import reading, seek
from ansible.module_utils.upkeep.log_review.events import Chunk, Part, chunks
from ansible.module_utils.upkeep.log_review.files import Meter, Piece
from ansible.module_utils.upkeep.log_review.formats import FORMATS
from ansible.module_utils.upkeep.log_review.times import StampReader
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC).timestamp()
PARSER = reading.parser_of(FORMATS["python"], StampReader(dt.UTC, NOW))

LINES = st.lists(
    st.tuples(
        st.integers(0, 4000),
        st.sampled_from(
            [
                b"",
                b"\n  File x",
                b"\nTraceback\n  y\nValueError: z",
                b"\n\x00\xff\n\n",
                b"\n" + b"w" * 6000,
            ]
        ),
    ),
    min_size=1,
    max_size=120,
)


def stamp(moment: float) -> bytes:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def brute_force(data: bytes) -> list[tuple[float | None, bytes]]:
    """Return the events of some bytes, found line by line."""
    found: list[tuple[float | None, bytes]] = []
    for line in data.split(b"\n")[:-1]:
        text = line + b"\n"
        if text.startswith((b"2026-", b"1970-")) or not found:
            found.append((StampReader(dt.UTC, NOW).read(text), text))
        else:
            found[-1] = (found[-1][0], found[-1][1] + text)

    return found


def piece(file: t.Any, data: bytes) -> Piece:
    """Return an open file as a part of a log."""
    return Piece(Path("app.log"), file, len(data), NOW, (0, 0), "", live=True)


def cut(blocks: t.Iterable[bytes]) -> t.Iterator[Chunk]:
    """Yield the chunks of some blocks."""
    return chunks(Part(block, PARSER) for block in blocks)


def written(steps: list[tuple[int, bytes]], disorder: int = 0) -> bytes:
    moment, lines = NOW - 10**6, []
    for number, (step, more) in enumerate(steps):
        moment += step
        lines.append(
            stamp(moment - (disorder if number % 3 == 0 else 0)) + b" INFO line" + more + b"\n"
        )

    return b"".join(lines)


def found_from(data: bytes, since: float) -> list[float]:
    """Return the times of the events from a moment on that come out of seeking."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        offset = seek.seek(piece(file, data), since, PARSER, Meter()).offset

    events = [event for chunk in cut([data[offset:]]) for event in chunk.events]

    return [event.time for event in events if event.time is not None and event.time >= since]


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(0, 300_000), st.sampled_from([0, 100]))
def test_seeking_finds_what_reading_everything_finds(
    steps: list[tuple[int, bytes]], back: int, disorder: int
) -> None:
    data, since = written(steps, disorder), NOW - 10**6 + back
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seek, "SMALL", 0)
        patch.setattr(seek, "NEAR", 200)
        patch.setattr(seek, "PROBE", 64)

        assert found_from(data, since) == [
            moment for moment, _ in brute_force(data) if moment is not None and moment >= since
        ]


@settings(max_examples=80, deadline=None)
@given(LINES, st.integers(1, 400))
def test_events_do_not_depend_on_where_blocks_are_cut(
    steps: list[tuple[int, bytes]], size: int
) -> None:
    data = written(steps)
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    found = [
        (event.time, chunk.block[event.start : event.end])
        for chunk in cut(blocks)
        for event in chunk.events
    ]

    assert found == brute_force(data)

    whole = next(cut([data + stamp(NOW)]))
    for event in whole.events:
        for position in (event.start, (event.start + event.end) // 2, event.end - 1):
            assert Chunk(whole.block, PARSER, None).at(position) == event


@pytest.mark.parametrize("lost", [(10_000, 30_000), (19_900, 20_100), (29_000, 30_500)])
def test_a_clock_that_was_set_back_does_not_hide_lines(
    tmp_path: Path, lost: tuple[int, int]
) -> None:
    """Of 40,000 lines some are stamped in 1970, as by a host that lost its clock for a while."""
    path = tmp_path / "log"
    moments = [NOW - 40_000 + second for second in range(40_000)]
    moments[slice(*lost)] = [float(second) for second in range(lost[1] - lost[0])]
    data = b"".join(stamp(moment) + b" INFO line\n" for moment in moments)
    path.write_bytes(data)

    with path.open("rb") as file:
        for back in range(1000, 40_000, 3000):
            offset, _, jumps = seek.seek(piece(file, data), NOW - back, PARSER, Meter())
            first = next(number for number, moment in enumerate(moments) if moment >= NOW - back)

            assert offset <= first * len(data) // len(moments)
            assert not jumps or offset == 0


@pytest.mark.parametrize("share", [0.5, 0.01])
def test_seeking_reads_little(tmp_path: Path, share: float) -> None:
    path = tmp_path / "log"
    lines = b"".join(
        stamp(NOW - 200_000 + second) + b" INFO " + b"x" * 100 + b"\n" for second in range(100_000)
    )
    path.write_bytes(lines)
    meter = Meter()

    with path.open("rb") as file:
        since = NOW - 100_000 - 100_000 * share
        found = seek.seek(piece(file, lines), since, PARSER, meter)

    assert meter.read < 500_000
    assert 0 <= len(lines) * (1 - share) - found.offset < 120 * 140 + seek.NEAR + 140


def test_a_line_of_megabytes_is_one_event_and_a_longer_one_is_cut() -> None:
    def times(parts: t.Iterable[bytes]) -> list[float | None]:
        return [event.time for chunk in cut(parts) for event in chunk.events]

    long = stamp(NOW) + b" " + b"x" * (1 << 20) + b"\n"

    assert times([long + stamp(NOW + 1)]) == [NOW, NOW + 1]

    endless = (b"y" * (1 << 20) for _ in range(12))

    assert set(times([stamp(NOW), *endless])) == {NOW}
