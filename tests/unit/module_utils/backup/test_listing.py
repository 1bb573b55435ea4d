# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is listed of a set can be read again, whatever stands in it."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.backup import listing
from ansible.module_utils.upkeep.backup.listing import ListedSet
from ansible.module_utils.upkeep.findings import LONGEST_LINE
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.backup.conftest import Shop, message, statuses

NAME = "20260301T020000Z"
MOMENT = "2026-03-01T02:00:00Z"


@given(
    size=st.none() | st.integers(0, 1 << 60),
    state=st.sampled_from([listing.GOOD, listing.UNVERIFIED, listing.DAMAGED]),
    verified=st.sampled_from(["", MOMENT]),
    rehearsed=st.sampled_from(["", MOMENT]),
    held=st.sampled_from(["", "before the move", "a, held: b, good", "never"]),
)
def test_a_line_is_read_as_it_was_written(
    size: int | None, state: str, verified: str, rehearsed: str, held: str
) -> None:
    one = ListedSet(NAME, size, state, verified, rehearsed, held)

    assert len(one.text) <= LONGEST_LINE
    assert listing.parse(one.text) == one


@pytest.mark.parametrize(
    "line", ["", "text", f"{NAME}: many bytes, good", f"{NAME}: 1 bytes, good"]
)
def test_other_lines_are_not_sets(line: str) -> None:
    assert listing.parse(line) is None


def lines_of(answer: dict[str, t.Any]) -> list[str]:
    """Return the lines of the finding on the sets."""
    [found] = [one for one in answer["findings"] if one["check"] == listing.SETS]
    return list(found.get("lines", []))


def test_a_look_lists_the_sets_with_what_is_known_of_them(shop: Shop) -> None:
    shop.backup(hold="before\nthe move")
    shop.later(days=1)
    name = shop.backup()["made"]
    next((shop.root / name / "files").iterdir()).unlink()
    shop.verify(reread_days=0)

    answer = shop.backup(state="observed")
    first, second = [listing.parse(line) for line in lines_of(answer)]

    assert first
    assert first.state == listing.GOOD
    assert first.verified == "2026-03-02T02:00:00Z"
    assert first.held == "before\\nthe move"
    assert second
    assert second.state == listing.DAMAGED
    assert second.rehearsed == ""
    assert message(answer, listing.SETS) == "2 sets are kept, 1 of them verified"
    assert f"{NAME}, has {first.bytes} bytes" in message(answer, listing.SIZE)


def test_a_set_without_a_readable_manifest_is_listed(shop: Shop) -> None:
    name = shop.backup()["made"]
    (shop.root / name / "manifest.json").write_text("{")

    [line] = lines_of(shop.backup(state="observed"))

    assert line == f"{NAME}: unknown bytes, damaged, verified {MOMENT}, rehearsed never"


def test_no_sets_are_listed_where_there_is_no_catalogue(shop: Shop) -> None:
    answer = shop.backup(state="observed")

    assert lines_of(answer) == []
    assert listing.SIZE not in statuses(answer)
