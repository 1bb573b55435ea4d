# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of the shipped profiles on the tables of the demo systems."""

from __future__ import annotations

import typing as t

import pytest
from psycopg2 import sql

from demo.fleet import PROJECT
from tests import evidence
from tests.unit.module_utils.data_quality.conftest import Review
from tests.unit.module_utils.postgresql.server import Server
from tools import profiles

Found = dict[str, dict[str, t.Any]]
DATABASES: t.Final = {"fairedge": "fairedge_prod", "hyperopt": "hyperopt"}
KINDS: t.Final = ("figure", "table")


@pytest.fixture(scope="module")
def made(pg: Server) -> t.Iterator[dict[str, str]]:
    """Return by system a database with the tables and rows of its demo."""
    names = {}
    for system in DATABASES:
        folder = PROJECT / "demo" / "image" / "sql"
        files = [folder / f"{system}.sql", folder / f"{system}_business.sql"]
        rows = "\n".join(path.read_text(encoding="utf-8") for path in files)
        names[system] = pg.create_database("", "SET synchronous_commit = off", sql.SQL(rows))

    yield names
    for name in names.values():
        pg.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def reviewed(review: Review, made: dict[str, str], system: str) -> Found:
    """Return the findings on all figures and tables of a profile."""
    entries = [
        entry
        for entry in profiles.load(PROJECT, system)["system_data_quality"]
        if entry["kind"] in KINDS
    ]

    assert {entry["database"] for entry in entries} == {DATABASES[system]}

    found = review(*({**entry, "database": made[system], "cadences": None} for entry in entries))
    evidence.add(system, found.values(), "told")

    return found


@pytest.mark.requirement(
    "R-fairedge-12", "R-fairedge-19", "R-fairedge-134", "R-fairedge-136", "R-fairedge-137"
)
@pytest.mark.requirement("R-fairedge-11", "R-fairedge-20", "R-hyperopt-59", "R-hyperopt-60")
@pytest.mark.parametrize("system", DATABASES)
def test_every_figure_has_a_source_and_is_fine_when_all_is_well(
    review: Review, made: dict[str, str], system: str
) -> None:
    found = reviewed(review, made, system)

    assert {
        check: one["message"] for check, one in found.items() if one["status"] not in ("ok", "info")
    } == {}
    assert all(isinstance(one["observed"], int | float) for one in found.values()), found

    told = {requirement for one in found.values() for requirement in one["requirements"]}

    assert (
        told
        >= {
            "fairedge": {
                "R-fairedge-12",
                "R-fairedge-19",
                "R-fairedge-134",
                "R-fairedge-136",
                "R-fairedge-137",
            },
            "hyperopt": {"R-hyperopt-59", "R-hyperopt-60"},
        }[system]
    )


@pytest.mark.requirement("R-fairedge-17", "R-fairedge-18", "R-fairedge-25")
def test_too_few_or_old_opportunities_are_a_warning(
    review: Review, made: dict[str, str], pg: Server
) -> None:
    name = made["fairedge"]
    pg.run(
        name,
        "UPDATE opportunities"
        " SET active = id IN (SELECT id FROM opportunities ORDER BY id LIMIT 9)",
        "UPDATE opportunities SET updated_at = now() - interval '11 minutes'",
    )
    try:
        found = reviewed(review, made, "fairedge")
        rows, age = found["table:opportunities.rows"], found["table:opportunities.age"]

        assert rows["status"] == "warning"
        assert rows["observed"] == 9
        assert rows["expected"] == "at least 10"
        assert "R-fairedge-25" in rows["requirements"]
        assert age["status"] == "warning"
        assert age["expected"] == "at most 600"
    finally:
        pg.run(name, "UPDATE opportunities SET active = true, updated_at = now()")


@pytest.mark.requirement("R-hyperopt-59")
def test_optimisations_that_fail_or_take_long_are_told(
    review: Review, made: dict[str, str], pg: Server
) -> None:
    name = made["hyperopt"]
    before = reviewed(review, made, "hyperopt")["figure:optimisation-seconds[average]"]["observed"]
    pg.run(
        name,
        "UPDATE optimization_runs SET status = 'failed' WHERE id % 5 = 0",
        "UPDATE optimization_runs SET finished_at = finished_at + interval '100 seconds'",
    )
    found = reviewed(review, made, "hyperopt")
    success = found["figure:optimisation-success"]

    assert success["status"] == "warning"
    assert 70 < success["observed"] < 90
    assert found["figure:optimisation-seconds[average]"]["observed"] > before + 90
