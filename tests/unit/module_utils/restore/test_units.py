# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which services are stopped for a restore, and started after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.unit.module_utils.restore.conftest import RestoringShop

StandIn = Callable[[str, str], None]


def states(load: str, active: str) -> str:
    """Return the body of a systemctl whose units are all in one state."""
    return f"shift 2; test $1 != show || printf 'LoadState={load}\\nActiveState={active}\\n'"


@pytest.mark.parametrize(
    ("state", "is_started"),
    [
        ("active", True),
        ("reloading", True),
        ("activating", True),  # systemd starts it again and again: its data are gone
        ("failed", True),
        ("inactive", False),  # somebody has stopped it
    ],
)
def test_what_failed_is_started_and_what_was_stopped_stays_so(
    shop: RestoringShop, stand_in: StandIn, state: str, is_started: bool
) -> None:
    stand_in("systemctl", states("loaded", state))
    shop.backup()

    answer = shop.restore(units=["shop.service"])

    assert answer["restarted"] == (["shop.service"] if is_started else [])


def test_beside_nothing_is_restarted(shop: RestoringShop, stand_in: StandIn) -> None:
    stand_in("systemctl", states("loaded", "active"))
    shop.backup()

    assert shop.restore(action="side", units=["shop.service"])["restarted"] == []


def test_a_unit_that_is_not_there_is_named(shop: RestoringShop, stand_in: StandIn) -> None:
    stand_in("systemctl", states("not-found", "inactive"))
    shop.backup()

    with pytest.raises(RestoreError, match=r"there is no unit shop\.service on this host"):
        shop.restore(units=["shop.service"])


def test_what_would_start_a_service_is_stopped_before_it(
    shop: RestoringShop, stand_in: StandIn
) -> None:
    """The next visitor would start it in the middle, also one that was idle."""
    log = shop.folder / "calls"
    stand_in(
        "systemctl",
        f'shift 2; test $1 = show || echo "$1 $3" >> {log}; test $1 = show || exit 0\n'
        "shift 3; for unit; do\n"
        "  test $unit = off.timer -o $unit = idle.service && state=inactive || state=active\n"
        "  printf 'LoadState=loaded\\nActiveState=%s\\n' $state\n"
        "  test $unit != shop.service || printf 'TriggeredBy=shop.socket off.timer\\n'\n"
        "  test $unit != idle.service || printf 'TriggeredBy=idle.socket\\n'\n"
        "  echo; done",
    )
    shop.backup()

    shop.restore(units=["shop.service", "idle.service"])

    calls = [line for line in log.read_text().splitlines() if "reset-failed" not in line]
    assert calls == [
        "stop idle.socket",
        "stop shop.socket",
        "stop shop.service",
        "start shop.service",
        "start shop.socket",
        "start idle.socket",
    ]
