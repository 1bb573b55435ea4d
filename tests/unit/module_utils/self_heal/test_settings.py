# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What self_heal takes, and what it refuses with the place and the reason."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.self_heal.settings import HealError, parse

API: t.Final = {"name": "api", "unit": "shop-api.service"}
CHECK: t.Final = {"name": "api", "kind": "tcp", "port": 1}


def test_units_and_checks_of_other_components_are_left_out() -> None:
    settings = parse(
        {
            "units": [API, {**API, "name": "other", "component": "web"}],
            "checks": [CHECK, {**CHECK, "name": "db", "component": "postgresql"}],
            "components": ["app"],
        }
    )

    assert [unit.name for unit in settings.units] == ["api"]
    assert list(settings.checks) == ["tcp:api"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"units": [API, API]}, "units 'api' is there more than once"),
        ({"units": [{**API, "at_most": 0}]}, "units 'api'.at_most is 0; at least 1"),
        ({"units": [{**API, "window_minutes": 99999}]}, "from 1 to 10080"),
        ({"units": [{**API, "stable_seconds": 31}]}, "below settle_seconds (30)"),
        ({"units": [{**API, "settle_seconds": 601}]}, "settle_seconds is 601"),
        ({"units": [{**API, "unit": " "}]}, "must be the name of one unit"),
        ({"units": [{**API, "unit": "php*-fpm.service"}]}, "must be the name of one unit"),
        ({"units": [{**API, "checks": ["http:api"]}]}, "'http:api' is not a check of the profile"),
        (
            {"units": [{**API, "needs": ["tcp:apis"]}], "checks": [CHECK]},
            "did you mean 'tcp:api'?",
        ),
        ({"units": [API], "checks": [{**CHECK, "prot": 1}]}, "prot"),
        ({"units": [API], "failed_elsewhere": {"tcp:x": "critical"}}, "must have status and host"),
    ],
)
def test_bad_input_is_named_with_its_place(values: dict[str, t.Any], words: str) -> None:
    with pytest.raises(HealError) as caught:
        parse(values)

    assert words in str(caught.value)


def test_secrets_of_checks_are_not_shown() -> None:
    check = {"name": "r", "kind": "redis", "password": "hunter2"}

    assert "hunter2" not in repr(parse({"units": [API], "checks": [check]}))
