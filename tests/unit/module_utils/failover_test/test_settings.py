# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What cannot work is refused before anything is asked."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.failover_test.settings import FailoverError, parse

SERVICE: t.Final = {
    "name": "api",
    "unit": "shop-api.service",
    "address": "127.0.0.1:8000",
    "others": ["shop-2:8001"],
}


def test_the_defaults_are_the_limit_of_ten_seconds() -> None:
    (service,) = parse({"services": [SERVICE]}).services

    assert service.take_over_seconds == 10
    assert service.guard == "shop-api-failover-end.service"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"unit": "shop-*.service"}, "must be the name of one service"),
        ({"unit": "shop.timer"}, "must be the name of one service"),
        ({"others": ["127.0.0.1:8000"]}, "the address of what is stopped"),
        ({"others": []}, "others"),
        ({"address": "http://x"}, "address"),
        ({"take_over_seconds": 0}, "take_over_seconds"),
        ({"path": "health"}, "path"),
    ],
)
def test_what_cannot_work_is_refused(changed: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(FailoverError, match=problem):
        parse({"services": [{**SERVICE, **changed}]})


def test_names_are_used_once() -> None:
    with pytest.raises(FailoverError, match="duplicate name 'api'"):
        parse({"services": [SERVICE, SERVICE]})
