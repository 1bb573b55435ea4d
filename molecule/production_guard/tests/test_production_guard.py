# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Production needs the system's own name as confirmation.

Elsewhere none, as the scenario's own runs show.
"""

from __future__ import annotations

import typing as t

import pytest


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        (["upkeep_environment=production"], 2),
        (["upkeep_environment=production", "upkeep_confirm_production=hyperopt"], 2),
        (["upkeep_environment=production", "upkeep_confirm_production=fairedge"], 0),
    ],
)
def test_guard(play: t.Callable[..., t.Any], variables: list[str], code: int) -> None:
    done = play("converge", *(part for variable in variables for part in ("-e", variable)))
    assert done.returncode == code
    assert code == 0 or "upkeep_confirm_production=fairedge" in done.stdout


def test_a_check_needs_no_confirmation(play: t.Callable[..., t.Any]) -> None:
    assert play("converge", "--check", "-e", "upkeep_environment=production").returncode == 0
