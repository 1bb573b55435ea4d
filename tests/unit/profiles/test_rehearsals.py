# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rehearsals and restores of the shipped profiles: each time and number at its boundary.

Databases, sets and servers are real and this test's own.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable
from datetime import timedelta

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.restore import rehearsal_findings
from ansible.module_utils.upkeep.restore.choose import choose_set
from ansible.module_utils.upkeep.restore.settings import parse_rehearsal

from tests import evidence
from tests.unit.module_utils.postgresql.server import Server
from tests.unit.module_utils.restore.conftest import (
    Rehearse,
    RestoringShop,
    dump_artefact,
    login_of,
    pg,
    rehearsed,
    shop,
    staging,
    stand_in,
)
from tests.unit.profiles.limits import Entry, profile
from tests.unit.profiles.role_inputs import role_input
from tools import PROJECT, profiles

__all__ = ["pg", "rehearsed", "shop", "staging", "stand_in"]

StandIn = Callable[[str, str], None]

SYSTEMS: t.Final = [
    system for system in profiles.systems(PROJECT) if "system_rehearsal" in profile(system)
]
SHIPPED: t.Final[dict[str, Entry]] = {
    system: profile(system)["system_rehearsal"] for system in SYSTEMS
}

#: Units are stopped and started in the scenario of the role, and by ``systemctl`` of one test.
ON_A_HOST: t.Final = {"R-racing-75", "R-student_success-115", "R-student_success-117"}


def options(system: str) -> Entry:
    """Return the options of a rehearsal as inventory/group_vars/all/role_inputs.yml makes them."""
    shipped = dict(SHIPPED[system])
    minutes = shipped.pop("recovery_minutes", 0)

    return {**shipped, "recovery_seconds": 60 * minutes}


def fill(shop: RestoringShop, pg: Server, system: str, rows: int = 3) -> str:
    """Make a set with what the queries of a system ask for; return the database."""
    artefacts: list[Entry] = [shop.files_artefact()]
    name = ""
    if queries := SHIPPED[system].get("queries"):
        tables = [re.search(r"FROM (\w+)\.(\w+)", query["query"]) for query in queries]
        name = pg.create_database("")
        for table in filter(None, tables):
            pg.run(
                name,
                f"CREATE SCHEMA IF NOT EXISTS {table[1]}",
                f"CREATE TABLE {table[0].removeprefix('FROM ')} AS"
                f" SELECT generate_series(1, {rows}) AS n",
            )
        pg.run(name, "CREATE TABLE other AS SELECT 1 AS n")
        artefacts.append(dump_artefact(pg, name))
    shop.backup(artefacts=artefacts)

    return name


def by_check(answer: Entry) -> dict[str, Finding]:
    """Return findings by check."""
    return {found["check"]: found for found in answer["findings"]}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_rehearsal_holds_for_as_many_days_as_promised(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse, system: str
) -> None:
    fill(shop, pg, system)
    first = rehearsed(**options(system))
    promised = SHIPPED[system]["promised_days"]
    shop.now += timedelta(days=promised)
    last = rehearsed(rehearse=False, **options(system))
    shop.now += timedelta(days=0.01)
    late = rehearsed(rehearse=False, **options(system))

    assert {found["status"] for found in first["findings"]} == {"ok"}, first
    assert by_check(last)["rehearsal:age"]["status"] == "ok"
    assert by_check(late)["rehearsal:age"]["status"] == "critical"

    evidence.add(system, first["findings"])
    evidence.add(system, [by_check(late)["rehearsal:age"]], f"promised_days {promised:g}")


@pytest.mark.parametrize("system", SYSTEMS)
def test_one_is_due_after_as_many_days_as_the_profile_says(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse, system: str
) -> None:
    fill(shop, pg, system)
    rehearsed(**options(system))
    due = SHIPPED[system]["due_days"]
    shop.now += timedelta(days=due - 0.01)
    early = rehearsed(rehearse=False, **options(system))
    shop.now += timedelta(days=0.01)
    then = rehearsed(rehearse=False, **options(system))

    assert (early["due"], then["due"]) == (False, True)

    evidence.add(system, [by_check(then)["rehearsal:age"]], f"due_days {due:g}")


@pytest.mark.parametrize("system", [one for one in SYSTEMS if "queries" in SHIPPED[one]])
def test_a_table_that_came_back_empty_is_critical(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse, system: str
) -> None:
    fill(shop, pg, system, rows=0)
    found = by_check(rehearsed(**options(system)))["rehearsal:database"]

    assert found["status"] == "critical"
    assert "answered 0; at least 1" in found["message"]

    evidence.add(system, [found], "at_least 1")


@pytest.mark.parametrize("system", [one for one in SYSTEMS if "recovery_minutes" in SHIPPED[one]])
def test_a_restore_may_take_as_long_as_the_guide_allows(
    shop: RestoringShop, pg: Server, system: str
) -> None:
    fill(shop, pg, system)
    minutes = SHIPPED[system]["recovery_minutes"]
    settings = parse_rehearsal({"system": system, "root": str(shop.root), **options(system)})
    with shop.catalogue() as catalogue:
        chosen = choose_set(catalogue, "")
    [within], [beyond] = (
        rehearsal_findings.rehearsed(chosen, [], 60 * minutes + more, settings) for more in (0, 1)
    )

    assert (within["status"], beyond["status"]) == ("ok", "warning")

    evidence.add(system, [beyond], f"recovery_minutes {minutes:g}")


def test_what_the_guides_test_left_on_the_live_server_is_found(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    [name] = SHIPPED["hyperopt"]["left_behind"]
    clean = by_check(rehearsed(rehearse=False, **options("hyperopt")))["restore:left_behind"]
    pg.create_database(name)
    try:
        left = by_check(rehearsed(rehearse=False, **options("hyperopt")))["restore:left_behind"]
    finally:
        pg.run("postgres", f"DROP DATABASE {name}")

    assert (clean["status"], left["status"]) == ("ok", "warning")

    evidence.add("hyperopt", [left], name)


@pytest.mark.parametrize("system", [one for one in SYSTEMS if "system_restore" in profile(one)])
def test_what_was_lost_is_restored(shop: RestoringShop, pg: Server, system: str) -> None:
    name = fill(shop, pg, system)
    (shop.app / "main.py").write_text("lost")
    if name:
        pg.run("postgres", f'DROP DATABASE "{name}" WITH (FORCE)')
    ids = {*profile(system)["system_restore"]["requirements"]} - ON_A_HOST - {"R-trailblaze-63"}
    answer = shop.restore(postgresql=login_of(pg), requirements=sorted(ids))

    assert {found["status"] for found in answer["findings"]} == {"ok"}
    assert "shop" in (shop.app / "main.py").read_text()
    assert not name or pg.query(name, "SELECT count(*) FROM other") == [(1,)]

    evidence.add(system, answer["findings"])


def test_the_database_goes_back_with_the_release_where_a_set_is_named(
    shop: RestoringShop, pg: Server
) -> None:
    """As playbooks/roll_back.yml calls the role: databases alone, from the set."""
    shipped = profile("hyperopt")
    name = fill(shop, pg, "hyperopt")
    pg.run(name, "INSERT INTO other VALUES (2)", "ALTER TABLE other ADD COLUMN added integer")
    (shop.app / "main.py").write_text("stays")
    ids = role_input("rollback_database_requirements", "hyperopt", ["hyperopt", "postgresql"])
    artefacts = [one["name"] for one in shipped["system_backup_artefacts"] if "postgresql" in one]

    answer = shop.restore(
        postgresql=login_of(pg), requirements=ids, artefacts=[dump_artefact(pg, name)["name"]]
    )

    assert artefacts == ["database"]
    assert {found["status"] for found in answer["findings"]} == {"ok"}
    assert pg.query(name, "SELECT * FROM other") == [(1,)]
    assert (shop.app / "main.py").read_text() == "stays"
    evidence.add("hyperopt", answer["findings"], "from before the change")


def test_the_dashboard_of_racing_is_stopped_for_a_restore_and_started_after_it(
    shop: RestoringShop, stand_in: StandIn
) -> None:
    units = role_input("restore_units", "racing", ["racing", "app"])
    log = shop.folder / "calls"
    stand_in(
        "systemctl",
        f'shift 2; echo "$1 $3 $(head -c 4 {shop.app}/main.py)" >> {log}\n'
        "test $1 != show || printf 'LoadState=loaded\\nActiveState=active\\n'",
    )
    shop.backup()
    (shop.app / "main.py").write_text("lost")

    answer = shop.restore(units=units, requirements=["R-racing-75"])
    calls = [line.split() for line in log.read_text().splitlines()]

    assert units == ["racing-dashboard.service"]
    assert answer["restarted"] == units
    assert ["stop", *units, "lost"] in calls
    assert calls[-1] == ["start", *units, "prin"]

    evidence.add("racing", answer["findings"], "racing-dashboard.service restarted")


def test_one_table_of_trailblaze_is_restored_alone(shop: RestoringShop, pg: Server) -> None:
    name = fill(shop, pg, "trailblaze")
    pg.run(name, "DELETE FROM public.events", "INSERT INTO other VALUES (2)")
    ids = profile("trailblaze")["system_restore"]["requirements"][:1]
    answer = shop.restore(postgresql=login_of(pg), requirements=ids, table="public.events")

    assert pg.query(name, "SELECT count(*) FROM events") == [(3,)]
    assert pg.query(name, "SELECT count(*) FROM other") == [(2,)]

    evidence.add("trailblaze", answer["findings"], "one table")
