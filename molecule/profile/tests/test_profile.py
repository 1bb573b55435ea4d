# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A profile that does not fit stops the run and is named; a good one passes."""

from __future__ import annotations

import typing as t

import pytest


def test_the_shipped_profile_fits(records: t.Callable[[str], list[dict[str, t.Any]]]) -> None:
    for record in records("converge")[:3]:  # check, run and second run of the scenario
        assert record["failed_tasks"] == []
        assert "profile" in {role["role"] for role in record["roles"]}


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ('{"system_api_prot": 1}', "did you mean 'system_api_port'"),
        ("system_api_port=7", "must be a whole number"),
        ('{"system_name": "farmedge"}', "farmedge"),
    ],
)
def test_what_does_not_fit_is_named(play: t.Callable[..., t.Any], extra: str, named: str) -> None:
    done = play("converge", "-e", extra)
    assert done.returncode == 2
    assert named in done.stdout
