# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A switch of releases and the guides' ``pkill && nohup``, under the same clients, in one run.

A small application that takes START seconds to start is asked without a pause, directly. The
unavailability of each side is the longest time without an answer on new connections. Of the colour
switch it is also told for how long new connections were answered by both releases; those that are
kept stay with the old release until it drains, which is the profile's ``drain_seconds``.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import sys
import threading
import time
import typing as t
from collections.abc import Iterator

import pytest

import upkeep  # noqa: F401 - makes ansible.module_utils.upkeep known

# isort: split
from demo.load_client import KindResult, LoadClient
from tests.unit.module_utils.switching.conftest import UNIT, Service, running
from tests.unit.module_utils.switching.test_switch import first

ROUNDS: t.Final = 3
START: t.Final = 2.0
MIXED_BAR: t.Final = 0.1

Seen = dict[str, t.Any]


class Gaps(LoadClient):
    """Notes when new connections were answered, and by which release."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "/", 600)
        self.moments: list[float] = []
        self._new = threading.local()

    def _ask_on(self, kind: str, result: KindResult) -> None:
        self._new.is_new = kind == "new_connection"
        super()._ask_on(kind, result)

    def _note_version(self, content: bytes) -> None:
        if self._new.is_new:
            self.moments.append(time.monotonic())
            super()._note_version(content)

    @property
    def longest(self) -> float:
        """The longest time between two answers, s."""
        moments = sorted(self.moments)
        return max((after - before for before, after in itertools.pairwise(moments)), default=0.0)


@contextlib.contextmanager
def visited(service: Service) -> Iterator[Seen]:
    """Ask on while something is done; what it is given holds the result afterwards."""
    seen: Seen = {}
    client = Gaps(f"http://127.0.0.1:{service.port}/")
    visitor = threading.Thread(target=lambda: seen.update(client.run()))
    visitor.start()
    time.sleep(0.3)
    try:
        yield seen
    finally:
        client.end_in(0.5)
        visitor.join()
        seen["gap"] = client.longest


def lost(seen: Seen) -> int:
    """Return how many requests of all kinds got no answer, or an error."""
    kinds = ("new_connection", "keep_alive_get", "keep_alive_post")

    return sum(seen[kind][key] for kind in kinds for key in ("refused", "reset", "server_errors"))


def recipe(service: Service, _: int) -> Seen:
    """Do what the guides have people type: end what serves, start it anew."""
    with visited(service) as seen:
        service.systemd.stop(UNIT)
        time.sleep(START)  # an interpreter, imports, a model
        service.systemd.start(UNIT)

    return seen


def switched(strategy: str) -> t.Callable[[Service, int], Seen]:
    """Return what lets a new release serve."""

    def change(service: Service, number: int) -> Seen:
        made = service.add(str(number), strategy, start=START)
        with visited(service) as seen:
            service.switcher(strategy=strategy, seconds=1).switch(made)
        return seen

    return change


def measured(change: t.Callable[[Service, int], Seen], strategy: str = "") -> list[Seen]:
    """Return what the clients met in each round."""
    with pytest.MonkeyPatch.context() as patch, running(patch) as service:
        if strategy:
            first(service, strategy)
        return [change(service, number) for number in range(2, 2 + ROUNDS)]


def main() -> int:
    """Measure, print the figures and the closing lines; returns 1 when a bar is missed."""
    sides = {
        "pkill and nohup": measured(recipe),
        "restart": measured(switched("restart"), "restart"),
        "blue_green": measured(switched("blue_green"), "blue_green"),
    }
    for name, rounds in sides.items():
        gaps = ", ".join(f"{seen['gap']:.2f}" for seen in rounds)
        refused = sum(seen["new_connection"]["refused"] for seen in rounds)
        print(
            f"  {name}: {gaps} s without an answer; {refused} connections refused,"
            f" {sum(map(lost, rounds))} requests lost in {ROUNDS} changes"
        )

    mixed = max(seen["mixed_seconds"] for seen in sides["blue_green"])
    theirs, ours = (
        statistics.median(seen["gap"] for seen in sides[name])
        for name in ("pkill and nohup", "blue_green")
    )
    print(
        f"bench switch unavailable ours={ours:.3f} other={theirs:.3f} unit=s"
        f" ratio={ours / theirs:.2f}"
    )
    print(f"bench switch mixed ours={1000 * mixed:.0f} unit=ms bar={1000 * MIXED_BAR:.0f}")

    return 0 if mixed < MIXED_BAR else 1


if __name__ == "__main__":
    sys.exit(main())
