# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A candidate serves once it has proved itself; any other leaves or brings back the old one."""

from __future__ import annotations

import errno
import json
import os
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.model_update import copies, run, undo

from tests.unit.module_utils.model_update.conftest import UNIT, Shop, message, statuses

UNDO: t.Final = "shop-api-model-undo.service"


class KilledError(BaseException):
    """Stands for the end of the process at a moment."""


def killed_at(moment: str) -> t.Callable[[str], None]:
    def hook(now: str) -> None:
        if now == moment:
            raise KilledError

    return hook


def test_a_candidate_serves_and_the_old_one_is_kept(shop: Shop) -> None:
    old = shop.files()

    answer = shop.call("live", shop.make("new"))

    assert answer["done"], answer["findings"]
    assert answer["changed"]
    assert answer["needed"], "the role takes the other hosts back where one was changed"
    assert shop.answer() == "new"
    assert statuses(answer) == {"evaluation": "ok", "shadow": "ok", "update": "ok"}
    (kept,) = shop.versions().all()
    assert Path(shop.versions().files(kept).path).read_text() == old["app.json"]
    assert Path(shop.versions().files(kept).metadata).read_text() == old["figures.json"]
    assert set(shop.files()) == set(old)
    assert shop.systemd.armed == set()
    assert [path.name for path in (shop.folder / "etc").iterdir()] == [UNIT]


def test_the_record_is_what_a_manifest_takes(shop: Shop) -> None:
    given = shop.make("new")

    record = shop.call("live", given)["record"]["slope"]

    assert record["sha256"] == given["sha256"]
    assert record["bytes"] == len(Path(given["candidate"]).read_bytes())
    assert record["metrics"] == {"r2": 0.96}
    assert record["trained_at"] == "2026-11-01T00:00:00Z"
    assert record["approved_by"] == "A. Reviewer"


def test_a_second_run_changes_nothing_and_gives_the_record_again(shop: Shop) -> None:
    given = shop.make("new")
    first = shop.call("live", given)
    calls = len(shop.systemd.calls)

    second = shop.call("live", given)

    assert not second["changed"]
    assert second["record"] == first["record"]
    assert len(shop.systemd.calls) == calls


def test_check_mode_names_the_steps_and_changes_nothing(shop: Shop) -> None:
    old, calls = shop.files(), len(shop.systemd.calls)

    answer = shop.call("live", shop.make("new"), check=True)

    assert answer["changed"]
    assert answer["steps"][0] == f"measure it beside '{shop.model}'"
    assert f"restart {UNIT}" in answer["steps"]
    assert all(step in message(answer) for step in answer["steps"])
    assert shop.files() == old
    assert list((shop.folder / "lib").iterdir()) == []
    assert len(shop.systemd.calls) == calls


@pytest.mark.requirement("R-racing-45")
@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"slope": 5.0}, "its R2 is"),
        ({"warn": True}, "Trying to unpickle estimator"),
        ({"slope": "none"}, "cannot predict|no usable answer"),
        ({"slope": 2.15}, "the serving model has"),
    ],
)
def test_a_candidate_that_is_not_good_enough_is_never_served(
    shop: Shop, told: dict[str, t.Any], reason: str
) -> None:
    old, calls = shop.files(), len(shop.systemd.calls)

    answer = shop.call("live", shop.make("new", **told))

    assert not answer["done"]
    assert any(part in message(answer) for part in reason.split("|")), message(answer)
    assert message(answer).endswith("Nothing that serves was changed")
    assert shop.files() == old
    assert len(shop.systemd.calls) == calls


def test_other_predictions_than_those_of_the_serving_model_are_refused(shop: Shop) -> None:
    evaluation = {**shop.options()["evaluation"], "worse_by": 0.5, "inputs": "asked.csv"}
    (shop.home / "asked.csv").write_text("x\n" + "1\n" * 300)

    answer = shop.call("live", shop.make("new", 2.15), evaluation=evaluation)

    assert not answer["done"]
    assert statuses(answer)["shadow"] == "warning"
    # Row 0 of the reference is 0 for both; of what was asked the last 200 rows count.
    assert "229 of 230 predictions differ" in message(answer)
    assert shop.answer() == "old"


@pytest.mark.parametrize("content", ["", '{"version": "new"', "something else"])
def test_a_candidate_that_was_cut_short_or_swapped_is_refused(shop: Shop, content: str) -> None:
    given = shop.make("new")
    Path(given["candidate"]).write_text(content)

    answer = shop.call("live", given)

    assert not answer["done"]
    assert "has the checksum" in message(answer)
    assert shop.answer() == "old"


def test_what_was_checked_is_what_serves(shop: Shop) -> None:
    given, place = shop.make("new"), Path(shop.versions().path) / "brought"
    swapped: list[str] = []

    def swap(moment: str) -> None:
        swapped.append(moment)
        Path(given["candidate"]).write_text('{"version": "evil", "slope": 2.0}')
        assert {path.stat().st_mode & 0o777 for path in (place, *place.iterdir())} <= {0o700, 0o600}

    answer = shop.call("live", given, hook=swap)

    assert answer["done"], answer["findings"]
    assert swapped
    assert shop.answer() == "new"
    assert not place.exists()


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_a_candidate_that_is_no_regular_file_is_refused(shop: Shop, kind: str) -> None:
    given = shop.make("new")
    path = Path(given["candidate"])
    if kind == "link":
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")
        path.parent.chmod(0o777)
    else:
        path.unlink()
        os.mkfifo(path) if kind == "fifo" else path.mkdir()

    answer = shop.call("live", given)

    assert not answer["done"]
    assert "not a regular file" in message(answer)
    assert shop.answer() == "old"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_candidate_must_belong_to_root_or_to_who_sent_it(shop: Shop) -> None:
    given = shop.make("new")
    for name in ("candidate", "candidate_metadata"):
        os.chown(given[name], 12345, 12345)

    refused = shop.call("live", given)
    accepted = shop.call("live", {**given, "candidate_owner": 12345})

    assert "belongs to the user id 12345" in message(refused)
    assert accepted["done"], accepted["findings"]


def test_a_copy_that_a_killed_run_left_is_removed(shop: Shop) -> None:
    with pytest.raises(KilledError):
        shop.call("live", shop.make("new"), hook=killed_at("armed"))
    place = Path(shop.versions().path) / "brought"
    place.mkdir(mode=0o700)

    shop.call("live", {**shop.make("new"), "candidate": "", "candidate_metadata": ""})

    assert not place.exists()


def test_a_model_that_nobody_approved_is_neither_kept_nor_replaced(shop: Shop) -> None:
    answer = shop.call("live", {**shop.make("new"), "approved_sha256": "0" * 64})

    assert "is not the approved one" in message(answer)
    assert shop.versions().all() == []
    assert shop.answer() == "old"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user than the service's")
def test_a_candidate_that_the_service_user_cannot_read_is_refused(shop: Shop) -> None:
    shop.model.chmod(0o600)

    answer = shop.call("live", shop.make("new"))

    assert "cannot read" in message(answer)
    assert shop.answer() == "old"


def test_a_full_disk_leaves_what_serves(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    old = shop.files()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copies.os, "fsync", full)
    answer = shop.call("live", shop.make("new"))

    assert "No space left" in message(answer)
    assert shop.files() == old


@pytest.mark.parametrize(
    ("told", "limits", "reason"),
    [
        ({"status": 500}, {"start_seconds": 5}, "it answers 500, not 200"),
        ({"crash": True}, {}, "shop-api.service is"),
        ({"delay": 0.9}, {"slow_seconds": 0.25}, "takes|within"),
    ],
)
def test_a_candidate_that_is_not_confirmed_is_taken_back(
    shop: Shop, told: dict[str, t.Any], limits: dict[str, float], reason: str
) -> None:
    old = shop.files()
    vars(shop).update(limits)

    answer = shop.call("live", shop.make("new", **told))

    assert not answer["done"]
    assert any(part in message(answer) for part in reason.split("|")), message(answer)
    assert "the model before serves again" in message(answer)
    assert shop.answer() == "old"
    assert shop.files() == old
    assert shop.systemd.armed == set()
    (evidence,) = (shop.folder / "lib" / "models" / "slope" / "refused").iterdir()
    assert json.loads(evidence.read_text())["problem"]


def test_the_application_must_name_the_model_that_serves(shop: Shop) -> None:
    shop.start_seconds = 5
    server = shop.options()["server"]
    server["probes"][0]["equals"] = {"version": "{sha256}"}

    answer = shop.call("live", shop.make("new"), server=server)

    assert not answer["done"]
    assert "'version' of its answer is" in message(answer)


@pytest.mark.parametrize("moment", ["kept", "armed", "swapped", "confirmed"])
def test_a_run_that_is_cut_off_is_ended_by_the_next_one(shop: Shop, moment: str) -> None:
    given = shop.make("new")
    with pytest.raises(KilledError):
        shop.call("live", given, hook=killed_at(moment))

    answer = shop.call("live", given)

    assert answer["done"], answer["findings"]
    assert ("cut_off" in statuses(answer)) == (moment != "kept")
    assert shop.answer() == "new"
    assert shop.systemd.armed == set()
    assert shop.versions().pending() is None


@pytest.mark.parametrize("moment", ["armed", "swapped", "confirmed"])
def test_the_host_goes_back_by_itself_when_nobody_confirms(shop: Shop, moment: str) -> None:
    old = shop.files()
    with pytest.raises(KilledError):
        shop.call("live", shop.make("new"), hook=killed_at(moment))

    assert shop.systemd.armed == {UNDO.replace(".service", ".timer")}
    shop.systemd.start(UNDO)

    assert shop.answer() == "old"
    assert shop.files() == old
    assert shop.versions().pending() is None


def test_the_next_run_tells_once_that_the_host_went_back_by_itself(shop: Shop) -> None:
    """A boot does that before anybody looks, and only the model of before was seen."""
    with pytest.raises(KilledError):
        shop.call("live", shop.make("new"), hook=killed_at("swapped"))
    shop.systemd.start(UNDO)

    answer = shop.call("live", shop.make("new"))
    again = shop.call("live", shop.make("new"))

    assert statuses(answer)["cut_off"] == "warning"
    assert "cut_off" not in statuses(again)
    assert (answer["done"], shop.answer()) == (True, "new")


def test_the_way_back_sets_rights_where_no_service_user_may_write(shop: Shop) -> None:
    versions = shop.versions()
    kept = versions.keep(copies.mark_of(versions.model))

    steps = undo.undo_steps(versions.model, versions, kept)

    there = [step for step in steps if str(shop.home) in " ".join(step)]
    assert there
    assert {step[0] for step in there} == {"/usr/bin/mv"}


def test_the_way_back_starts_workers_that_systemd_has_given_up_on(shop: Shop) -> None:
    versions = shop.versions()
    kept = versions.keep(copies.mark_of(versions.model))
    model = replace(versions.model, workers=("shop-worker.service",))

    steps = undo.undo_steps(model, versions, kept)

    forgotten = next(step for step in steps if "reset-failed" in step)
    again = ["-", "/usr/bin/systemctl", "restart", "shop-worker.service"]
    assert "shop-worker.service" in forgotten
    assert steps.index(forgotten) < steps.index(again)


def test_the_way_back_follows_no_link_that_the_service_user_put(shop: Shop) -> None:
    other = shop.folder / "other"
    other.write_text("of somebody else")
    other.chmod(0o600)
    with pytest.raises(KilledError):
        shop.call("live", shop.make("new"), hook=killed_at("swapped"))
    for name in ("app.json", ".upkeep-new.app.json"):
        (shop.home / name).unlink(missing_ok=True)
        (shop.home / name).symlink_to(other)

    shop.systemd.start(UNDO)

    assert (other.read_text(), other.stat().st_mode & 0o777) == ("of somebody else", 0o600)
    assert not shop.model.is_symlink()
    assert shop.answer() == "old"


def test_the_way_back_does_nothing_once_it_is_confirmed(shop: Shop) -> None:
    (text,) = [
        undo.service_text(shop.versions().model, shop.versions(), kept)
        for kept in [shop.versions().keep(copies.mark_of(shop.versions().model))]
    ]

    assert f"ConditionPathExists={shop.versions().path}/switching.json" in text
    assert "ProtectSystem=strict" in text


def without_file(given: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the options of a call that takes what an earlier one brought."""
    return {key: value for key, value in given.items() if "candidate" not in key}


def test_what_a_candidate_shows_is_known_before_anything_is_changed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, old, orders = shop.make("new"), shop.files(), len(shop.systemd.calls)

    measured = shop.call("measured", given)

    assert statuses(measured) == {"evaluation": "ok", "shadow": "ok"}
    assert measured["done"]
    assert measured["needed"]
    assert shop.files() == old
    assert len(shop.systemd.calls) == orders

    monkeypatch.setattr(run, "evaluate", lambda *_: pytest.fail("it is measured once"))
    Path(given["candidate"]).unlink()
    answer = shop.call("live", without_file(given))

    assert answer["done"], answer["findings"]
    assert shop.answer() == "new"
    assert statuses(answer) == {"update": "ok"}
    assert not (Path(shop.versions().path) / "brought").exists()
    assert not shop.call("measured", without_file(given))["needed"], "it serves"


def test_a_candidate_that_was_refused_is_not_kept_for_later(shop: Shop) -> None:
    given = shop.make("new", 5.0)

    assert "its R2 is" in message(shop.call("measured", given))
    assert not (Path(shop.versions().path) / "brought").exists()
    assert "no candidate with this checksum" in message(shop.call("live", without_file(given)))
    assert shop.answer() == "old"


@pytest.mark.parametrize("what", ["another model serves", "the copy is another", "another sum"])
def test_only_the_candidate_that_was_measured_serves(shop: Shop, what: str) -> None:
    given, calls = shop.make("new"), len(shop.systemd.calls)
    shop.call("measured", given)
    if what == "another model serves":
        shop.model.write_text('{"version": "third", "slope": 2.0}')
    elif what == "the copy is another":
        (Path(shop.versions().path) / "brought" / "model").write_text("evil")
    else:
        given["sha256"] = "1" * 64

    answer = shop.call("live", without_file(given))

    reason = "not what was copied" if "copy" in what else "no candidate with this checksum"
    assert reason in message(answer)
    assert not answer["done"]
    assert len(shop.systemd.calls) == calls


def test_what_a_run_left_between_measuring_and_serving_is_removed(shop: Shop) -> None:
    given = shop.make("new")
    shop.call("measured", given)

    assert shop.call("measured", without_file(given))["needed"]

    assert not (Path(shop.versions().path) / "brought").exists()


def test_check_mode_names_the_way_back_and_stays(shop: Shop) -> None:
    shop.call("live", shop.make("new"))
    before, kept = shop.files(), shop.versions().all()

    answer = shop.call("back", check=True)

    assert f"Version {kept[0].id} would serve again" in message(answer)
    assert f"rename it to '{shop.model}'" in message(answer)
    assert "measure" not in message(answer)
    assert shop.files() == before
    assert shop.versions().all() == kept


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".upkeep-new.app.json", "the copy beside"),
        ("app.json", "changed while the candidate was measured"),
    ],
)
def test_what_changed_while_the_candidate_was_loaded_is_neither_served_nor_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    approved = copies.hashlib.sha256(shop.model.read_bytes()).hexdigest()
    assert shop.answer() == "old", "it has read its model before that is changed"

    def tampering(*_: t.Any) -> tuple[list[t.Any], str]:
        (shop.home / name).write_text('{"version": "evil", "slope": 2.0}')
        return [], ""

    monkeypatch.setattr(run, "evaluate", tampering)
    answer = shop.call("live", {**shop.make("new"), "approved_sha256": approved})

    assert not answer["done"]
    assert reason in message(answer)
    assert shop.versions().all() == []
    assert shop.answer() == "old"


def test_going_back_keeps_what_served_and_gives_its_record(shop: Shop) -> None:
    shop.call("live", shop.make("new"))
    old = shop.versions().all()[0]

    answer = shop.call("back", {"approved_by": "A. Reviewer"})

    assert answer["done"], answer["findings"]
    assert shop.answer() == "old"
    assert answer["record"]["slope"]["sha256"] == old.digest.sha256
    assert json.loads(shop.files()["figures.json"])["r2"] == 0.95
    assert len(shop.versions().all()) == 2

    again = shop.call("back", {"version": old.id})

    assert not again["changed"]
    assert shop.call("back")["done"]
    assert shop.answer() == "new"


def test_without_a_kept_model_there_is_no_way_back(shop: Shop) -> None:
    answer = shop.call("back")

    assert not answer["done"]
    assert "no other model is kept" in message(answer)
    assert "no version 'x'" in message(shop.call("back", {"version": "x"}))


def test_a_damaged_version_is_not_served(shop: Shop) -> None:
    shop.call("live", shop.make("new"))
    (kept,) = shop.versions().all()
    Path(shop.versions().files(kept).path).write_text("{}")

    assert "is damaged" in message(shop.call("back"))
    assert shop.answer() == "new"
    assert statuses(shop.call("looked"))["way_back"] == "warning"


def test_a_look_names_leftovers_and_the_way_back(shop: Shop) -> None:
    assert statuses(shop.call("looked")) == {"way_back": "info"}

    shop.call("live", shop.make("new"))
    assert statuses(shop.call("looked")) == {"way_back": "ok"}

    (shop.home / ".upkeep-new.app.json").write_text("left")
    assert statuses(shop.call("looked")) == {"way_back": "ok", "candidate": "warning"}

    with pytest.raises(KilledError):
        shop.call("live", shop.make("newer"), hook=killed_at("swapped"))
    assert statuses(shop.call("looked"))["cut_off"] == "warning"


def test_what_the_host_took_back_meanwhile_is_not_confirmed(shop: Shop) -> None:
    """Without a probe that names the model, the record named one that did not serve."""

    def hook(moment: str) -> None:
        if moment == "confirmed":
            shop.systemd.start(UNDO)

    answer = shop.call("live", shop.make("new"), hook=hook)

    assert not answer["done"]
    assert "the host went back by itself meanwhile" in message(answer)
    assert shop.answer() == "old"
    assert answer["record"] == {}
    assert shop.versions().pending() is None


def test_a_timer_that_cannot_be_taken_away_changes_nothing_that_is_confirmed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run said that nothing was changed, and the other hosts went back."""
    reload_files, confirmed = systemd.reload_files, []

    def refuse(deadline: t.Any) -> None:
        if confirmed:
            raise SystemdError("systemctl cannot reload: out of luck")
        reload_files(deadline)

    monkeypatch.setattr(systemd, "reload_files", refuse)

    answer = shop.call(
        "live",
        shop.make("new"),
        hook=lambda now: confirmed.append(now) if now == "confirmed" else None,
    )

    assert answer["done"], answer["findings"]
    assert shop.answer() == "new"


def test_a_timer_that_was_left_does_not_end_the_next_update(shop: Shop) -> None:
    """It would have gone back when its own time was over, in the middle of a later update."""
    first = shop.call("live", shop.make("new"))
    timer = UNDO.replace(".service", ".timer")
    (shop.systemd.units / timer).write_text("[Timer]\nOnActiveSec=1\n")
    shop.systemd.start(timer)
    began: list[list[str]] = []

    def hook(moment: str) -> None:
        if moment == "kept":
            began.append(sorted(shop.systemd.armed))

    second = shop.call("live", shop.make("newer"), hook=hook)

    assert first["done"]
    assert second["done"]
    assert began == [[]]
