# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The acknowledgements file."""

from __future__ import annotations

from pathlib import Path

import pytest

from upkeep.judge.acknowledgements import AcknowledgementError, load

GOOD = (
    "- {fingerprint: 1f0c9d2ab34e5f67, status: warning, owner: on-call, reason: known, "
    "until: 2026-12-31}\n"
)


def test_a_missing_file_has_none(tmp_path: Path) -> None:
    assert load(tmp_path / "none.yml") == []


def test_a_good_entry(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD)
    assert load(tmp_path / "a.yml")[0]["until"] == "2026-12-31"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("2026-12-31", "some day"), "some day"),
        (("1f0c9d2ab34e5f67", "1f0c"), "1f0c"),
        (("status: warning", "status: ok"), "ok"),
        (("owner: on-call, ", ""), "owner"),
        (("reason: known", "reason: ''"), "reason"),
        (("- {", "{"), "list"),
        (("- {", "- {{"), "YAML"),
    ],
)
def test_a_bad_entry_is_named(tmp_path: Path, change: tuple[str, str], named: str) -> None:
    (tmp_path / "a.yml").write_text(GOOD.replace(*change))
    with pytest.raises(AcknowledgementError, match=named):
        load(tmp_path / "a.yml")


def test_the_shipped_file_is_good() -> None:
    from upkeep import PROJECT

    assert load(PROJECT / "acknowledgements.yml") == []
