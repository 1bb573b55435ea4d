# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Profiles ask what the module can answer."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.log_review.settings import parse_sources

from tests.unit.module_utils.log_review.log_samples import source
from tools import PROJECT, profiles

SYSTEMS: t.Final = profiles.systems(PROJECT)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_profile_asks_what_the_module_can_answer(system: str) -> None:
    figures = profiles.load(PROJECT, system)
    raw = [source(**entry) for entry in figures["system_log_reviews"]]
    named = {name for entry in raw for review in entry["reviews"] for name in review["cadences"]}

    assert named <= {
        cadence for cadence, jobs in figures["system_jobs"].items() if "log_review" in jobs
    }

    for cadence in named:
        assert any(item.reviews for item in parse_sources(raw, None, cadence))
