# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A switch: what serves in the end, whatever happens on the way."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.switching import unit_files
from ansible.module_utils.upkeep.switching.releases import FOUND
from ansible.module_utils.upkeep.switching.switch import Switcher, SwitchError

from demo.load_client import LoadClient
from tests.unit.module_utils.switching.conftest import UNIT, Service

STRATEGIES: t.Final = ("restart", "blue_green")
PUBLIC: t.Final = {"restart": "shop-api.socket", "blue_green": "shop-api-front.socket"}
SOCKETS: t.Final = {
    "restart": {"shop-api.socket"},
    "blue_green": {"shop-api-front.socket", "shop-api-own.socket"},
}
MOMENTS: t.Final = [
    *((moment, "restart") for moment in ("armed", "pointed", "switched", "confirmed")),
    *(
        (moment, "blue_green")
        for moment in ("armed", "pointed", "switched", "taking_over", "confirmed")
    ),
]
TIMER: t.Final = "shop-api-undo.timer"
BEAT: t.Final = "shop-beat.service"


class KilledError(BaseException):
    """This process ends here, as if it were killed."""


def killed_at(moment: str) -> t.Callable[[str], None]:
    """Return a hook that ends the process at a moment."""

    def hook(now: str) -> None:
        if now == moment:
            raise KilledError

    return hook


def nothing_is_left(service: Service) -> None:
    """Assert that a switch left neither its note, nor its timer, nor its second unit."""
    assert service.releases.switching() is None
    assert service.systemd.armed == set()
    assert not service.systemd._runs("shop-api-next.service")
    assert [path.name for path in service.systemd.units.glob("*-undo.*")] == []
    # What systemd reads at boot, before it mounts a file system for the releases alone.
    beside = list((service.systemd.units / f"{UNIT}.d").iterdir())
    assert [path.name for path in beside] == [unit_files.DROP_IN]
    assert not beside[0].is_symlink()
    current = service.releases.path(service.releases.current(), "units", f"{UNIT}.conf")
    assert beside[0].read_text() == Path(current).read_text()


def first(service: Service, strategy: str = "restart") -> None:
    """Bring release 1 live."""
    made = service.add("1", strategy)
    switcher = service.switcher(strategy=strategy)
    switcher.adopt()
    switcher.switch(made)

    assert service.answer()["version"] == "1"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_first_release_takes_the_place_of_what_ran(service: Service, strategy: str) -> None:
    first(service, strategy)

    assert service.releases.current() == "1"
    assert service.releases.is_confirmed("1")
    assert service.releases.last_good("1") == FOUND
    assert PUBLIC[strategy] in service.systemd.sockets
    nothing_is_left(service)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_new_connection_is_never_refused(service: Service, strategy: str) -> None:
    first(service, strategy)
    made = service.add("2", strategy, start=0.5)
    seen: dict[str, t.Any] = {}
    client = LoadClient(f"http://127.0.0.1:{service.port}/", "/", 60)
    visitor = threading.Thread(target=lambda: seen.update(client.run()))
    visitor.start()

    try:
        outcome = service.switcher(strategy=strategy).switch(made)
    finally:
        client.end_in(1)
        visitor.join()

    assert seen["new_connection"]["refused"] == 0, seen
    assert seen["new_connection"]["server_errors"] == 0, seen
    if strategy == "blue_green":
        assert seen["new_connection"]["reset"] == 0, seen
    assert set(seen["versions"]) == {"1", "2"}
    assert seen["new_connection"]["longest"] <= outcome.start_seconds + 1, seen


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"crash": True}, "shop-api-next.service is failed"),
        ({"start": 60}, "did not answer as it must within 5 s"),
        ({"status": 500}, "it answers 500, not 200"),
        ({"value": 1.6}, "'value' of its answer is 1.6, not 1.5 as before"),
    ],
    ids=["import error", "slow start", "error", "wrong prediction"],
)
def test_what_fails_beside_touches_nothing_that_serves(
    service: Service, told: dict[str, t.Any], reason: str, strategy: str
) -> None:
    first(service, strategy)
    made = service.add("2", strategy, **told)
    before = service.systemd.processes[UNIT].pid

    with pytest.raises(SwitchError, match="asked before it served") as raised:
        service.switcher(strategy=strategy, start_seconds=5).switch(made)

    assert reason in str(raised.value)
    assert raised.value.touched is False
    assert service.systemd.processes[UNIT].pid == before
    assert service.releases.current() == "1"
    nothing_is_left(service)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("told", "window", "reason"),
    [
        ({"crash_after": 3}, {"seconds": 30}, "is failed"),
        ({"log": "ERROR no model"}, {}, "errors in the log, the first: ERROR no model"),
        ({"delay": 0.3}, {"latency_floor_ms": 50}, "ms before (at most"),
    ],
    ids=["crash", "errors in the log", "slow"],
)
def test_what_fails_while_it_serves_is_taken_back(
    service: Service,
    told: dict[str, t.Any],
    window: dict[str, t.Any],
    reason: str,
    strategy: str,
) -> None:
    first(service, strategy)
    made = service.add("2", strategy, **told)

    with pytest.raises(SwitchError) as raised:
        service.switcher(strategy=strategy, **window).switch(made)

    assert reason in str(raised.value)
    assert raised.value.touched is True
    assert service.answer()["version"] == "1"
    assert service.releases.current() == "1"
    nothing_is_left(service)


def test_a_failure_ends_the_window_early(service: Service) -> None:
    first(service)
    made = service.add("2", log="ERROR no model")
    began = time.monotonic()

    with pytest.raises(SwitchError):
        service.switcher(seconds=60).switch(made)

    assert time.monotonic() - began < 15


def test_the_way_back_from_the_first_release_is_what_ran(service: Service) -> None:
    made = service.add("1", log="ERROR no model")
    switcher = service.switcher()
    switcher.adopt()

    with pytest.raises(SwitchError):
        switcher.switch(made)

    assert service.answer()["version"] == FOUND
    assert service.releases.current() == FOUND
    assert "shop-api.socket" not in service.systemd.sockets
    # At the next boot it would hold the port at which what ran listens by itself.
    assert service.systemd.enabled == set()


@pytest.mark.parametrize(("moment", "strategy"), MOMENTS)
def test_the_host_goes_back_by_itself_when_the_run_is_killed(
    service: Service, moment: str, strategy: str
) -> None:
    first(service, strategy)
    made = service.add("2", strategy)
    with pytest.raises(KilledError):
        service.switcher(killed_at(moment), strategy).switch(made)

    if moment != "armed":
        assert service.systemd.armed == {TIMER}
        service.systemd.start("shop-api-undo.service")
        assert service.answer()["version"] == "1"
        assert service.releases.current() == "1"
        assert service.releases.undone() is not None

    left = service.switcher(strategy=strategy).recover()
    service.switcher(strategy=strategy).switch(made)

    assert left
    assert left.release == "2"
    assert service.answer()["version"] == "2"
    nothing_is_left(service)


@pytest.mark.parametrize(("moment", "strategy"), MOMENTS)
def test_the_next_run_takes_back_what_was_cut_off(
    service: Service, moment: str, strategy: str
) -> None:
    first(service, strategy)
    made = service.add("2", strategy)
    with pytest.raises(KilledError):
        service.switcher(killed_at(moment), strategy).switch(made)

    assert service.switcher(strategy=strategy).recover() is not None
    assert service.answer()["version"] == "1"
    assert service.releases.current() == "1"
    nothing_is_left(service)


def test_a_confirmed_release_is_not_taken_back_by_a_late_timer(service: Service) -> None:
    first(service)
    made = service.add("2")
    switcher = service.switcher()
    switcher._arm(made, service.releases.require("1"))
    switcher._bring_live(made)
    service.releases.end()

    service.systemd.start("shop-api-undo.service")

    assert service.answer()["version"] == "2"


def test_a_second_adoption_changes_nothing(service: Service) -> None:
    assert service.switcher().adopt() is True
    assert service.switcher().adopt() is False


def test_what_is_not_well_at_once_is_waited_for(service: Service) -> None:
    first(service)
    service.switcher().switch(service.add("2", ill=0.6))

    assert service.answer()["version"] == "2"


def test_what_the_host_took_back_meanwhile_is_not_confirmed(service: Service) -> None:
    first(service)

    def hook(moment: str) -> None:
        if moment == "confirmed":
            service.systemd.start("shop-api-undo.service")

    with pytest.raises(SwitchError, match="went back by itself"):
        service.switcher(hook).switch(service.add("2"))

    assert service.answer()["version"] == "1"
    assert not service.releases.is_confirmed("2")


def test_the_release_before_goes_on_running_until_the_new_one_is_confirmed(
    service: Service,
) -> None:
    first(service, "blue_green")
    before, seen = service.systemd.processes[UNIT].pid, []

    def hook(moment: str) -> None:
        if moment == "switched":
            seen.append((service.answer()["version"], service.systemd.processes[UNIT].pid))

    service.switcher(hook, "blue_green").switch(service.add("2", "blue_green"))

    assert seen == [("2", before)]
    assert service.systemd.processes[UNIT].pid != before


def test_going_back_while_both_run_starts_nothing_anew(service: Service) -> None:
    first(service, "blue_green")
    before = service.systemd.processes[UNIT].pid

    with pytest.raises(SwitchError):
        service.switcher(strategy="blue_green").switch(
            service.add("2", "blue_green", log="ERROR no model")
        )

    assert service.answer()["version"] == "1"
    assert service.systemd.processes[UNIT].pid == before


@pytest.mark.parametrize("strategies", [("restart", "blue_green"), ("blue_green", "restart")])
def test_a_host_can_change_its_strategy_and_go_back(
    service: Service, strategies: tuple[str, str]
) -> None:
    old, new = strategies
    first(service, old)
    switcher = service.switcher(strategy=new)
    switcher.adopt()
    switcher.switch(service.add("2", new))
    assert service.answer()["version"] == "2"
    assert PUBLIC[old] not in service.systemd.sockets

    with pytest.raises(SwitchError):
        service.switcher(strategy=old).switch(service.add("3", old, log="ERROR no model"))
    assert service.answer()["version"] == "2"
    assert service.systemd.enabled == SOCKETS[new]

    service.switcher(strategy=new).switch(service.releases.require("1"))
    assert service.answer()["version"] == "1"
    assert service.systemd.enabled == SOCKETS[old]
    nothing_is_left(service)


def test_a_switch_whose_end_cannot_be_noted_is_taken_back(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    first(service)
    real, ends = service.releases.end, []

    def end() -> None:
        real()
        ends.append(1)
        if len(ends) == 1:
            raise OSError("Input/output error")

    monkeypatch.setattr(service.releases, "end", end)
    with pytest.raises(SwitchError, match="cannot be noted as confirmed"):
        service.switcher().switch(service.add("2"))

    assert service.answer()["version"] == "1"
    assert service.releases.current() == "1"
    nothing_is_left(service)


def test_a_release_beside_that_was_left_running_is_ended(service: Service) -> None:
    first(service)
    switcher = service.switcher()
    switcher._start_next(service.releases.require("1"))
    assert switcher.has_leftovers()

    switcher.recover()

    assert not switcher.has_leftovers()
    nothing_is_left(service)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_worker_never_runs_twice(
    service: Service, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    """A beat that ran beside its successor would send every task twice."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (service.systemd.units / BEAT).write_text(
        f"[Service]\nWorkingDirectory={service.folder}/before\n"
        f"Environment=LISTEN={port}\nEnvironment=LOG={service.log}\n"
    )
    started: list[subprocess.Popen[bytes]] = []
    spawn = service.systemd._spawn

    def noted(unit: str) -> None:
        spawn(unit)
        if "beat" in unit:
            started.append(service.systemd.processes[unit])
            alive.append(sum(one.poll() is None for one in started))

    alive: list[int] = []
    monkeypatch.setattr(service.systemd, "_spawn", noted)
    service.systemd.start(BEAT)
    last = {"log": "ERROR no model"} if strategy == "restart" else {}
    for number, told in (("1", {}), ("2", last)):
        made = service.add(number, strategy, **told)
        unit = Path(service.releases.path(number, "units", f"{BEAT}.conf"))
        unit.write_text(unit_files.drop_in(service.releases.path(number, "code"), ["x"], {}))
        moments: list[int] = []

        def moment(_: str, moments: list[int] = moments) -> None:
            moments.append(sum(one.poll() is None for one in started))

        switcher = service.switcher(moment, strategy)
        switcher.workers = (BEAT,)
        switcher.adopt()
        with contextlib.suppress(SwitchError):
            switcher.switch(made)

        assert set(moments) == {1}, f"release {number}"

    served = "1" if last else "2"
    assert service.releases.current() == served
    assert Path(service.systemd.folders[BEAT]).parent.name == served
    assert set(alive) == {1}


def test_a_worker_that_crashes_again_and_again_is_not_confirmed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd starts it anew each time, slowly enough that it never gives up."""
    first(service)
    (service.systemd.units / BEAT).write_text("[Service]\n")
    state, crashes = service.systemd._state, 0

    def crashing(unit: str) -> dict[str, str]:
        nonlocal crashes
        if unit == BEAT:
            return {"ActiveState": "active", "SubState": "x", "NRestarts": str(crashes)}
        crashes += 1
        return state(unit)

    monkeypatch.setattr(service.systemd, "_state", crashing)
    switcher = service.switcher()
    switcher.workers = (BEAT,)
    spawn = service.systemd._spawn
    monkeypatch.setattr(
        service.systemd, "_spawn", lambda unit: None if unit == BEAT else spawn(unit)
    )

    with pytest.raises(SwitchError, match=f"{BEAT} ended and was started again"):
        switcher.switch(service.add("2"))

    assert service.releases.current() == "1"


def test_each_worker_has_the_time_to_finish_its_tasks(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Busy workers took longer than the server may, and the release was taken back."""
    first(service)
    switcher = Switcher(
        service.server(), service.releases, workers=("a.service", BEAT), worker_seconds=600
    )
    given: list[float] = []
    monkeypatch.setattr(systemd, "restart", lambda _, deadline: given.append(deadline.left))

    switcher._restart_workers(UNIT)
    switcher._arm(service.add("2"), service.releases.require("1"))

    assert len(given) == 2
    assert min(given) > 600
    timer = (service.systemd.units / TIMER).read_text()
    assert int(re.findall(r"OnActiveSec=(\d+)", timer)[0]) > 2 * 600
    undo = (service.systemd.units / TIMER.replace(".timer", ".service")).read_text()
    assert int(re.findall(r"TimeoutStartSec=(\d+)", undo)[0]) > 2 * 600


def test_a_good_release_stays_where_the_one_beside_it_ends_slowly(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is kept open holds a server until systemd kills it after 90 seconds."""
    first(service, "blue_green")
    stop, waited = service.systemd.stop, []

    def slowly(unit: str, deadline: Deadline) -> None:
        if unit == "shop-api-next.service" and service.systemd._runs(unit):
            waited.append(deadline.left)
            raise TimeoutError("systemctl stop took longer")
        stop(unit, deadline)

    monkeypatch.setattr(systemd, "stop", slowly)
    service.switcher(strategy="blue_green").switch(service.add("2", "blue_green"))

    assert service.answer()["version"] == "2"
    assert service.releases.is_confirmed("2")
    assert min(waited) > 90


def test_a_release_that_is_slow_to_start_has_its_time_beside_the_other(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Type=notify, systemctl waits until the models are loaded."""
    first(service)
    given: dict[str, float] = {}
    monkeypatch.setattr(
        systemd, "start", lambda unit, deadline: given.update({unit: deadline.left})
    )

    service.switcher(start_seconds=300)._start_next(service.add("2"))

    assert given["shop-api-next.service"] > 300
