# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which tests run where: with which ansible-core, and started in which way.

Each promise of test_ways.py is kept in every way and on every core, but not in every way on every
core: that is what ``make test-contract`` shows. What our own code alone decides is tested by hand
on the newest core.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from tests.contract.runs import WAYS, Controller, Way, environments

BY_HAND, *OTHER_WAYS = WAYS
NEWEST, *OLDER = environments()
EVERYWHERE: list[tuple[Path, Way]] = list(itertools.product([NEWEST, *OLDER], WAYS))
#: By hand on the newest core is how test_run.py does all it does.
SPREAD: list[tuple[Path, Way]] = [(core, BY_HAND) for core in OLDER or [NEWEST]] + [
    (NEWEST, way) for way in OTHER_WAYS
]
PLACES = EVERYWHERE if os.environ.get("UPKEEP_CONTRACT") == "full" else SPREAD


def label(place: tuple[Path, Way]) -> str:
    """Return how a test's name tells where it runs."""
    return f"{place[1]}-{place[0].parent.name}"


@pytest.fixture(params=PLACES, ids=label)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    """Return a controller for each place: a core, and a way of starting a run."""
    core, way = request.param
    return Controller(core, tmp_path, way)


@pytest.fixture
def newest(tmp_path: Path) -> Controller:
    """Return a controller with the newest core."""
    return Controller(environments()[0], tmp_path)
