# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Releases: complete or not there, one of them current, and none deleted that is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.switching.releases import (
    FOUND,
    Release,
    ReleaseError,
    Releases,
    Switching,
)


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    """Return releases below a folder."""
    return Releases(str(tmp_path / "shop"))


def add(releases: Releases, release: str, *, good: bool = True) -> None:
    """Make a complete release."""
    Path(releases.path(release)).mkdir(parents=True)
    releases.seal(Release(release, commit="c" * 40))
    # The order of releases is that of their making.
    seal = Path(releases.path(release, "release.json"))
    content = json.loads(seal.read_text())
    seal.write_text(json.dumps({**content, "made": len(releases.ids())}))
    if good:
        releases.confirm(release)


def test_there_is_nothing_at_first(releases: Releases) -> None:
    assert releases.ids() == []
    assert releases.current() == ""
    assert releases.switching() is None
    assert releases.last_good("1") == ""


def test_a_release_without_its_seal_is_none(releases: Releases) -> None:
    add(releases, "1")
    Path(releases.path("2")).mkdir()

    assert releases.ids() == ["1"]
    assert releases.unfinished() == ["2"]
    with pytest.raises(ReleaseError, match="no complete release '2'; there are: 1"):
        releases.point_to("2")


def test_the_link_leads_to_one_of_them(releases: Releases) -> None:
    add(releases, "1")
    add(releases, "2")
    releases.point_to("1")
    releases.point_to("2")

    assert releases.current() == "2"
    assert Path(releases.root, "current").readlink() == Path("releases/2")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-x", "a b", "x" * 65])
def test_a_name_that_leads_elsewhere_is_no_release(releases: Releases, name: str) -> None:
    with pytest.raises(ReleaseError):
        releases.path(name)
    with pytest.raises(ReleaseError):
        releases.discard(name)


def test_the_last_good_one_is_the_newest_other_that_proved_itself(releases: Releases) -> None:
    for name, good in (("1", True), ("2", True), ("3", False), ("4", True)):
        add(releases, name, good=good)

    assert releases.last_good("4") == "2"
    assert releases.last_good("2") == "4"


def test_what_was_found_has_proved_itself(releases: Releases) -> None:
    add(releases, FOUND, good=False)

    assert releases.last_good("1") == FOUND


def test_what_was_found_is_the_oldest_whenever_it_was_kept(releases: Releases) -> None:
    add(releases, "1")
    add(releases, "2")
    add(releases, FOUND)

    assert releases.ids() == [FOUND, "1", "2"]
    assert releases.last_good("2") == "1"


def test_old_ones_go_and_needed_ones_stay(releases: Releases) -> None:
    for name in ("0", "1", "2", "3", "4", "5", "6"):
        add(releases, name, good=name != "5")
    releases.point_to("6")

    gone = releases.prune(5, used=["1"])

    assert gone == ["2", "3"]
    assert releases.ids() == ["0", "1", "4", "5", "6"]
    assert releases.current() == "6"


def test_a_switch_is_noted_and_ended(releases: Releases) -> None:
    add(releases, "1")
    begun = Switching("1", "0", 12.5)
    releases.begin(begun)

    assert releases.switching() == begun

    releases.end()

    assert releases.switching() is None


def test_a_damaged_note_is_an_error(releases: Releases) -> None:
    add(releases, "1")
    Path(releases.root, "switching").write_text("{}")

    with pytest.raises(ReleaseError, match="is damaged"):
        releases.switching()


def test_a_root_that_others_may_write_is_refused(releases: Releases) -> None:
    add(releases, "1")
    Path(releases.root).chmod(0o777)

    with pytest.raises(OSError, match="others may write it"):
        releases.point_to("1")
