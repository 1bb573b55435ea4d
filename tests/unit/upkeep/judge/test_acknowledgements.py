# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The acknowledgements file: what fits, what is refused in words, and what mutes nothing."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding, complete, finding

from upkeep import PROJECT
from upkeep.judge.acknowledgements import Acknowledgement, AcknowledgementError, load, notes

TODAY = date(2026, 1, 31)
GOOD = (
    "- {fingerprint: 1f0c9d2ab34e5f67, status: warning, owner: on-call, reason: known, "
    "until: 2026-03-31}\n"
)


def test_a_missing_file_has_none(tmp_path: Path) -> None:
    assert load(tmp_path / "none.yml", TODAY) == ([], str(tmp_path / "none.yml"), "")


def test_a_good_entry_with_the_digest_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD)
    loaded = load(tmp_path / "a.yml", TODAY)

    assert loaded.entries[0]["until"] == "2026-03-31"
    assert loaded.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()


def test_a_fingerprint_of_digits_only_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD.replace("1f0c9d2ab34e5f67", "0123456701234567"))
    assert load(tmp_path / "a.yml", TODAY).entries[0]["fingerprint"] == "0123456701234567"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("2026-03-31", "some day"), "some day"),
        (("2026-03-31", "2026-03-31 10:00:00"), "2026-03-31 10:00:00"),
        (("2026-03-31", "2026-02-30"), "2026-02-30"),
        (("2026-03-31", "2026-05-02"), "too far ahead; at most 2026-05-01"),
        (("2026-03-31", "9999-12-31"), "too far ahead"),
        (("1f0c9d2ab34e5f67", "1f0c"), "1f0c"),
        (("status: warning", "status: ok"), "ok"),
        (("owner: on-call, ", ""), "exactly the keys"),
        (("owner: on-call, ", "1: 2, owner: x, "), "exactly the keys"),
        (("owner: on-call", "owner: [a]"), "owner"),
        (("reason: known", "reason: ''"), "reason"),
        (("- {", "- - {"), "exactly the keys"),
        (("- {", "{"), "list"),
        (("- {", "- {{"), "YAML"),
        ((GOOD, GOOD + GOOD), "duplicate fingerprint"),
        (("known", "!!python/name:os.system"), "YAML"),
    ],
)
def test_a_bad_entry_is_named_with_its_file(
    tmp_path: Path, change: tuple[str, str], named: str
) -> None:
    (tmp_path / "a.yml").write_text(GOOD.replace(*change))
    with pytest.raises(AcknowledgementError, match=named) as error:
        load(tmp_path / "a.yml", TODAY)
    assert str(tmp_path / "a.yml") in str(error.value)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes("- reason: größer".encode("latin-1"))
    with pytest.raises(AcknowledgementError, match=r"a\.yml is not UTF-8 text"):
        load(tmp_path / "a.yml", TODAY)


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AcknowledgementError, match="cannot be read: Is a directory"):
        load(tmp_path, TODAY)


def test_the_shipped_file_is_good() -> None:
    assert load(PROJECT / "acknowledgements.yml", TODAY).entries == []


def seen(status: str) -> Finding:
    return complete(finding("unit:app", status, "m"), system="s", host="h", area="a")


def entry(fingerprint: str, until: str = "2026-03-31") -> Acknowledgement:
    return Acknowledgement(
        fingerprint=fingerprint, status="critical", owner="o", reason="r", until=until
    )


def test_entries_that_mute_nothing_are_notes() -> None:
    fine, held = seen("ok"), seen("critical")
    marks = (fine["fingerprint"], "a" * 16)

    assert [note["check"] for note in notes([held], [entry(marks[0])], TODAY)] == []
    assert [note["check"] for note in notes([fine], [entry(marks[0])], TODAY)] == [
        "acknowledgements:fine"
    ]
    found = notes([held], [entry(marks[1]), entry("b" * 16, "2026-01-30")], TODAY)
    assert {note["check"]: note["status"] for note in found} == {
        "acknowledgements:expired": "info",
        "acknowledgements:unmatched": "info",
    }
    assert "bbbbbbbbbbbbbbbb (o, until 2026-01-30)" in found[0]["message"]


def test_many_entries_are_counted() -> None:
    [note] = notes([], [entry(f"{number:016x}") for number in range(9)], TODAY)
    assert "and 4 more" in note["message"]
    assert note["observed"] == 9
