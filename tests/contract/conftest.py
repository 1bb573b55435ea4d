# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which tests run where: with which ansible-core, and started in which way.

What our own code alone decides is tested on the newest core. ``make test-contract`` runs on every core in every way
what usually runs on every core by hand, and in every way on the newest core.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from tests.contract.runs import WAYS, Controller, Way, environments

FULL = os.environ.get("UPKEEP_CONTRACT") == "full"
EVERYWHERE: list[tuple[Path, Way]] = list(itertools.product(environments(), WAYS))
PAIRS = [(core, way) for core, way in EVERYWHERE if core == environments()[0] or way == WAYS[0]]


def label(place: tuple[Path, Way]) -> str:
    """Return how a test's name tells where it runs."""
    return f"{place[1]}-{place[0].parent.name}"


@pytest.fixture(params=EVERYWHERE, ids=label)
def everywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    """Return a controller for each core and each way."""
    core, way = request.param
    return Controller(core, tmp_path, way)


@pytest.fixture(params=EVERYWHERE if FULL else PAIRS, ids=label)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Controller:
    """Return a controller for each way on the newest core, and one for each other core."""
    core, way = request.param
    return Controller(core, tmp_path, way)


@pytest.fixture
def newest(tmp_path: Path) -> Controller:
    """Return a controller with the newest core."""
    return Controller(environments()[0], tmp_path)
