# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets that hold only some artefacts, as those before changes, stand for nothing that they lack."""

from __future__ import annotations

import typing as t

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.restore.conftest import RestoringShop

HOURS: t.Final = {"due_hours": 20, "promised_hours": 30}


def listed(shop: RestoringShop) -> list[dict[str, t.Any]]:
    """Return artefacts of which one is kept by the schedule alone."""
    return [{**shop.files_artefact(), "reasons": ["schedule"]}, shop.sqlite_artefact()]


def keep(shop: RestoringShop, reason: str, **options: t.Any) -> dict[str, t.Any]:
    """Make a set for a reason."""
    return shop.backup(artefacts=listed(shop), reason=reason, **HOURS, **options)


def days_of_changes(shop: RestoringShop, days: int, **options: t.Any) -> dict[str, t.Any]:
    """Make a set before a change on each of some days; return the last answer."""
    answer: dict[str, t.Any] = {}
    for _ in range(days):
        shop.later(days=1)
        answer = keep(shop, "change", **options)

    return answer


def test_a_set_of_the_schedule_is_due_although_there_are_younger_ones(shop: RestoringShop) -> None:
    keep(shop, "schedule")

    answer = days_of_changes(shop, 2)

    assert statuses(answer)["backup:age"] == "critical"
    assert "20260301T020000Z, is 48 hours old" in message(answer, "backup:age")
    assert statuses(shop.verify(promised_hours=30))["backup:age"] == "critical"
    assert keep(shop, "schedule", state="observed")["due"]

    answer = keep(shop, "schedule")

    assert answer["made"]
    assert statuses(answer)["backup:age"] == "ok"


def test_an_artefact_that_is_new_in_the_profile_is_due_and_breaks_no_promise(
    shop: RestoringShop,
) -> None:
    shop.backup(artefacts=[shop.sqlite_artefact()], **HOURS)
    shop.later(hours=1)

    answer = keep(shop, "schedule", state="observed")

    assert answer["due"]
    assert statuses(answer)["backup:age"] == "ok"

    shop.later(hours=30)

    assert statuses(keep(shop, "schedule", state="observed"))["backup:age"] == "critical"


def test_the_only_set_with_an_artefact_stays(shop: RestoringShop) -> None:
    first = keep(shop, "schedule")["made"]

    answer = days_of_changes(shop, 3, retention={"last": 1, "days": 0})

    assert shop.names() == [first, answer["made"]]


def test_the_newest_set_that_has_an_artefact_is_restored(shop: RestoringShop) -> None:
    before = (shop.app / "main.py").read_text()
    keep(shop, "schedule")
    days_of_changes(shop, 1)
    (shop.app / "main.py").write_text("broken")

    answer = shop.restore(artefacts=["files"])

    assert answer["set"] == shop.names()[0]
    assert (shop.app / "main.py").read_text() == before
