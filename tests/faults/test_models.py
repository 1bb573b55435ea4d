# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A candidate with a fault: in the end the old model serves or the new one is wholly confirmed.

And the next update goes through, whatever the one before left.
"""

from __future__ import annotations

import json
import os
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.model_update import copies
from ansible.module_utils.upkeep.model_update.run import no_hook

from tests.faults.conftest import FULL, sample
from tests.faults.shipping import MODEL, STOPPED, Calls, calls, names_of
from tests.unit.module_utils.model_update.conftest import Answer, Shop, shop

__all__ = ["calls", "shop"]

UNDO: t.Final = "shop-api-model-undo.service"
TIMER: t.Final = "shop-api-model-undo.timer"
MOMENTS: t.Final = ("measured", "kept", "armed", "swapped", "confirmed")
#: More than any update makes; an update with fewer changes has none of these numbers.
MOST_CHANGES: t.Final = 60

#: For what never answers as it must.
SOON: t.Final[Mapping[str, float]] = {"start_seconds": 5}

Given = dict[str, t.Any]


@dataclass(frozen=True)
class Fault:
    """One fault: how the model behaves, what is planted beside, what is said."""

    reason: str
    told: Mapping[str, t.Any] = field(default_factory=dict)
    #: Changes what the module is given, or the host.
    plant: Callable[[Shop, Given, pytest.MonkeyPatch], Given] | None = None
    #: Whether the model before serves all the time, untouched.
    untouched: bool = True
    #: Limits of the service that it would take long to reach.
    limits: Mapping[str, float] = field(default_factory=dict)


def _other_hash(_: Shop, given: Given, __: pytest.MonkeyPatch) -> Given:
    return {**given, "sha256": "0" * 64}


def _cut(_: Shop, given: Given, __: pytest.MonkeyPatch) -> Given:
    path = Path(given["candidate"])
    path.write_bytes(path.read_bytes()[:-9])

    return given


def _bad_metadata(_: Shop, given: Given, __: pytest.MonkeyPatch) -> Given:
    Path(given["candidate_metadata"]).write_text('{"r2": ')

    return given


def _not_approved(_: Shop, given: Given, __: pytest.MonkeyPatch) -> Given:
    return {**given, "approved_sha256": "0" * 64}


def _not_readable(shop: Shop, given: Given, patch: pytest.MonkeyPatch) -> Given:
    def refuse(_: t.Any) -> t.NoReturn:
        raise copies.UpdateError("the user shop cannot read it")

    if os.geteuid() == 0:
        shop.model.chmod(0o600)
    else:  # only root has another user than the service's
        patch.setattr(copies, "require_readable", refuse)

    return given


def _full_disk(_: Shop, given: Given, patch: pytest.MonkeyPatch) -> Given:
    def full(_: int) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    patch.setattr(copies.os, "fsync", full)

    return given


def _other_name(_: Shop, given: Given, __: pytest.MonkeyPatch) -> Given:
    return {**given, "names": {"version": "old"}}


def _refuse_restart(_: Shop, given: Given, patch: pytest.MonkeyPatch) -> Given:
    """Refuse the first restart only: the way back needs one, too."""
    real, refused = systemd.restart, []

    def restart(unit: str, deadline: t.Any) -> None:
        if not refused:
            refused.append(unit)
            raise SystemdError(f"systemctl cannot restart {unit}: refused")
        real(unit, deadline)

    patch.setattr(systemd, "restart", restart)

    return given


PLANTED: t.Final[dict[str, Fault]] = {
    "the candidate has another hash": Fault("has the checksum", plant=_other_hash),
    "the candidate is cut short": Fault("has the checksum", plant=_cut),
    "its metadata cannot be read": Fault("metadata cannot be used", plant=_bad_metadata),
    "nobody approved what serves": Fault("is not the approved one", plant=_not_approved),
    "the candidate misses its limit": Fault("its R2 is", {"slope": 5.0}),
    "the candidate is worse than what serves": Fault("the serving model has", {"slope": 2.15}),
    "the candidate warns when it is loaded": Fault("unpickle estimator", {"warn": True}),
    "the candidate cannot predict": Fault("predict", {"slope": "none"}),
    "the service user cannot read it": Fault("cannot read", plant=_not_readable),
    "the disk is full beside the model": Fault("No space left", plant=_full_disk),
    "the service ends with it": Fault("shop-api.service is", {"crash": True}, untouched=False),
    "the service answers errors with it": Fault(
        "it answers 500", {"status": 500}, untouched=False, limits=SOON
    ),
    "the service is slow with it": Fault(
        "ms before", {"delay": 0.9}, untouched=False, limits={"slow_seconds": 0.5}
    ),
    "the service names another model": Fault(
        "'version' of its answer is", plant=_other_name, untouched=False, limits=SOON
    ),
    "systemd refuses the restart with it": Fault("refused", plant=_refuse_restart, untouched=False),
}
MOMENTS_KILLED: t.Final = "the update is killed at a moment"
CHANGES_KILLED: t.Final = "the update is killed at any change"
CHANGES_FAIL: t.Final = "any change of an update fails"
COPIES_FAIL: t.Final = "the disk is full at any copy of an update"
#: Files that an update copies: model and metadata to the host's own folder, twice beside those
#: that serve, those that serve to the kept ones. Two more on the way back.
MOST_COPIES: t.Final = 8


def served(shop: Shop) -> str:
    """Return the model that serves, which is the one on disk, with its own metadata."""
    version = shop.answer()
    figures = json.loads(shop.files()["figures.json"])

    assert json.loads(shop.files()["app.json"])["version"] == version
    assert figures["r2"] == (0.95 if version == "old" else 0.96)

    return version


def update(shop: Shop, given: Given, hook: Callable[[str], None] = no_hook) -> Answer:
    """Measure a candidate and let it serve, in two calls as the role does.

    ``names`` of what is given are what a probe must be answered.
    """
    server = shop.options()["server"]
    server["probes"][0]["equals"] = given.get("names", {})
    rest = {key: value for key, value in given.items() if key != "names"}

    measured = shop.call("measured", rest, server=server)
    if not (measured["done"] and measured["needed"]):
        return measured
    hook("measured")
    brought = {key: value for key, value in rest.items() if "candidate" not in key}
    answer = shop.call("live", brought, server=server, hook=hook)

    return {**answer, "findings": [*measured["findings"], *answer["findings"]]}


def converges(shop: Shop) -> None:
    """See that the next update goes through and leaves nothing."""
    given = shop.make("good")
    answer = update(shop, given)
    assert answer["done"], answer["findings"]
    assert served(shop) == "good"

    again = update(shop, given)
    assert again["done"], again["findings"]
    assert not again["changed"]
    assert shop.versions().pending() is None
    assert shop.systemd.armed == set()
    assert not {TIMER, UNDO} & {path.name for path in shop.systemd.units.iterdir()}
    assert not [name for name in shop.files() if name.startswith(copies.BESIDE)]


def goes_back_by_itself(shop: Shop) -> None:
    """Let the host's own timer do what it does when its time has come."""
    if TIMER in shop.systemd.armed and (shop.systemd.units / UNDO).exists():
        shop.systemd.start(UNDO)


def test_every_fault_is_played() -> None:
    assert {*PLANTED, MOMENTS_KILLED, CHANGES_KILLED, CHANGES_FAIL, COPIES_FAIL} == names_of(MODEL)


@pytest.mark.parametrize("name", sample(list(PLANTED), 5))
def test_a_fault_leaves_the_model_before(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fault, orders = PLANTED[name], len(shop.systemd.calls)
    given = shop.make("new", **fault.told)
    usual = dict(vars(shop))

    vars(shop).update(fault.limits)
    with monkeypatch.context() as patch:
        given = fault.plant(shop, given, patch) if fault.plant else given
        answer = update(shop, given)

    messages = " ".join(str(finding["message"]) for finding in answer["findings"])
    assert not answer["done"], answer
    assert fault.reason in messages
    assert "step in" not in messages
    assert served(shop) == "old"
    assert not fault.untouched or len(shop.systemd.calls) == orders

    vars(shop).update(usual)
    shop.model.chmod(0o644)
    converges(shop)


@pytest.mark.parametrize("host_goes_back", [True, False] if FULL else [True])
@pytest.mark.parametrize("moment", sample(MOMENTS, 2))
def test_an_update_that_is_killed_at_a_moment_converges(
    shop: Shop, calls: Calls, moment: str, host_goes_back: bool
) -> None:
    given = shop.make("new")

    def hook(now: str) -> None:
        if now == moment:
            calls.stop_here()

    assert calls.run(lambda: update(shop, given, hook=hook)) is STOPPED
    if host_goes_back:
        goes_back_by_itself(shop)
        assert served(shop) == "old"
    converges(shop)


@pytest.mark.parametrize("number", sample(range(1, MOST_CHANGES + 1), 4))
def test_an_update_that_is_killed_at_any_change_converges(
    shop: Shop, calls: Calls, number: int
) -> None:
    given = shop.make("new")
    calls.run(lambda: update(shop, given), number)

    if number % 2:
        goes_back_by_itself(shop)
        assert served(shop) in ("old", "new")
    converges(shop)


@pytest.mark.parametrize("number", sample(range(1, MOST_CHANGES + 1), 4))
def test_a_change_that_fails_leaves_a_model_that_is_confirmed(
    shop: Shop, calls: Calls, number: int
) -> None:
    given = shop.make("new")
    answer = calls.run(lambda: update(shop, given), number, fails=True)

    statuses = {finding["status"] for finding in answer["findings"]}
    if calls.count >= number:
        assert answer["done"] or "critical" in statuses, answer
    goes_back_by_itself(shop)
    assert served(shop) in ("old", "new")
    converges(shop)


@pytest.mark.parametrize("number", sample(range(1, MOST_COPIES + 3), 3))
def test_a_disk_that_is_full_at_any_copy_leaves_a_model_that_is_confirmed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    told = {"crash": True} if number > MOST_COPIES else {}
    given, real, copied = shop.make("new", **told), copies._write_all, []

    def full(into: t.Any, block: bytes) -> None:
        copied.append(block)
        if len(copied) == number:
            raise OSError(28, "No space left on device")
        real(into, block)

    with monkeypatch.context() as patch:
        patch.setattr(copies, "_write_all", full)
        answer = update(shop, given)

    assert not answer["done"]
    assert "No space left" in " ".join(str(finding["message"]) for finding in answer["findings"])
    assert len(copied) >= number, "an update makes fewer copies"
    goes_back_by_itself(shop)
    assert served(shop) == "old"
    converges(shop)
