# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release takes the place of another under load: what three kinds of clients lose meanwhile.

The clients ask the service directly, with nothing in front that would ask again. `make test` plays
each change once, `make test-load` (UPKEEP_LOAD=full) many times. What was met is printed, as rows
of the table of docs/roles/predictor_deploy.md.
"""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t
from collections.abc import Iterator

import pytest
from ansible.module_utils.upkeep.switching.switch import SwitchOutcome

from demo.load_client import LoadClient
from tests.load import FULL
from tests.unit.module_utils.switching.conftest import UNIT, Service, service
from tests.unit.module_utils.switching.test_switch import first

__all__ = ["service"]

#: How often each change is done.
ROUNDS: t.Final = 10 if FULL else 1
KINDS: t.Final = ("new_connection", "keep_alive_get", "keep_alive_post")
#: Seconds that a release takes to start.
START: t.Final = 0.5
#: So often a server that serves is stopped in one change: a kept connection ends then.
STOPS: t.Final = {"restart": 1, "blue_green": 2}


@contextlib.contextmanager
def visited(service: Service) -> Iterator[dict[str, t.Any]]:
    """Ask on while something is done; what it is given holds the result afterwards."""
    seen: dict[str, t.Any] = {}
    client = LoadClient(f"http://127.0.0.1:{service.port}/", "/", 600)
    visitor = threading.Thread(target=lambda: seen.update(client.run()))
    visitor.start()
    try:
        yield seen
    finally:
        client.end_in(0.5)
        visitor.join()


def lost(seen: dict[str, t.Any], kind: str) -> int:
    """Return how many requests of a kind got no answer, or an error."""
    return sum(int(seen[kind][key]) for key in ("refused", "reset", "server_errors"))


def tell(change: str, times: int, seen: dict[str, t.Any]) -> None:
    """Print what the clients met during a change that was made so many times."""
    for kind in KINDS:
        met = seen[kind]
        print(
            f"\n| {change} | {times} | {kind} | {met['sent']} | {met['refused']} | {met['reset']}"
            f" | {met['server_errors']} | {met['longest']:.2f} |",
            end="",
        )


def judge(
    change: str, seen: dict[str, t.Any], strategy: str, outcomes: list[SwitchOutcome]
) -> None:
    """Assert what a strategy holds."""
    tell(f"{change}, `{strategy}`", len(outcomes), seen)
    for kind in KINDS:
        assert seen[kind]["refused"] == 0, seen
        assert seen[kind]["server_errors"] == 0, seen
        assert seen[kind]["answered"] > 0, seen
    for kind in ("keep_alive_get", "keep_alive_post"):
        assert seen[kind]["reset"] <= STOPS[strategy] * len(outcomes), seen
    if strategy == "blue_green":
        assert lost(seen, "new_connection") == 0, seen
    else:
        start = max(one.start_seconds for one in outcomes)
        assert seen["new_connection"]["longest"] <= start + 1, seen


@pytest.mark.parametrize("strategy", ["restart", "blue_green"])
def test_releases_take_the_place_of_each_other(service: Service, strategy: str) -> None:
    first(service, strategy)
    outcomes = []

    with visited(service) as seen:
        for number in range(2, 2 + ROUNDS):
            made = service.add(str(number), strategy, start=START)
            outcomes.append(service.switcher(strategy=strategy).switch(made))

    judge("deploy", seen, strategy, outcomes)
    assert set(seen["versions"]) == {str(number) for number in range(1, 2 + ROUNDS)}


@pytest.mark.parametrize("strategy", ["restart", "blue_green"])
def test_a_release_is_gone_back_from(service: Service, strategy: str) -> None:
    first(service, strategy)
    switcher = service.switcher(strategy=strategy)
    switcher.switch(service.add("2", strategy))
    outcomes = []

    with visited(service) as seen:
        for number in range(ROUNDS):
            target = service.releases.require(str(1 + number % 2))
            outcomes.append(switcher.switch(target))

    judge("go back", seen, strategy, outcomes)


def test_the_recipe_of_the_guides_refuses_connections(service: Service) -> None:
    """`pkill && nohup`: what listens by itself does so once it has started."""
    with visited(service) as seen:
        for _ in range(ROUNDS):
            time.sleep(0.5)
            service.systemd.stop(UNIT)
            time.sleep(START)
            service.systemd.start(UNIT)
            time.sleep(0.5)

    tell("`pkill` and `nohup`", ROUNDS, seen)
    assert seen["new_connection"]["refused"] > 0, seen
