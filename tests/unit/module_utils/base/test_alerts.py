# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A finding says whether alerts were silenced."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.base import options
from ansible.module_utils.upkeep.base.alerts import about_alerts, silence_option


def test_without_a_silence_it_says_so() -> None:
    assert about_alerts("") == "Alerts were not silenced."
    assert about_alerts("2026-01-31T08:00:00Z") == "Alerts are silenced until 2026-01-31T08:00:00Z."


@pytest.mark.parametrize(
    ("value", "is_right"), [("", True), ("2026-01-31T08:00:00Z", True), ("tomorrow", False)]
)
def test_only_a_moment_is_taken(value: str, is_right: bool) -> None:
    found = list(options.problems(silence_option(), {"silenced_until": value}))

    assert (found == []) is is_right
