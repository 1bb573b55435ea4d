# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the entries of a profile to checks: every problem at once, whatever cadence is due."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.data_quality.check import DataError
from ansible.module_utils.upkeep.data_quality.kinds import KINDS
from ansible.module_utils.upkeep.data_quality.options import CHECK, SOURCES
from ansible.module_utils.upkeep.data_quality.settings import parse_checks

TABLE: t.Final = {
    "name": "orders",
    "kind": "table",
    "component": "postgresql",
    "database": "shop",
    "table": "orders",
}


def problems(*entries: dict[str, t.Any], cadence: str = "") -> list[str]:
    with pytest.raises(DataError) as refused:
        parse_checks(entries, cadence)

    return str(refused.value).splitlines()


def test_all_problems_are_named_at_once() -> None:
    found = problems({**TABLE, "tabel": "x", "timeout": 0}, {**TABLE, "name": "b", "table": 7})

    assert (
        found
        == [
            "checks 'orders': 'tabel' is not a known name; did you mean 'table'?",
            "checks 'orders'.timeout is 0; above 0",
            "checks 'b'.table is 7; it must be text",
        ]
        or len(found) == 3
    )


def test_a_mistake_in_a_check_of_another_cadence_is_found() -> None:
    [found] = problems({**TABLE, "cadences": ["monthly"], "where": 1}, cadence="daily")

    assert "checks 'orders'.where" in found


def test_an_entry_without_component_would_reach_no_host() -> None:
    [found] = problems({key: value for key, value in TABLE.items() if key != "component"})

    assert found == "checks 'orders': 'component' is missing"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"kind": "tabel"}, "did you mean 'table'?"),
        ({"kind": None}, "'kind' is missing"),
        ({"kind": ["table"]}, "did you mean 'table'?"),
        ({"requirements": ["7"]}, "it must match R-"),
        ({"aspects": {"rows": {"warnig": 1}}}, "did you mean 'warning'?"),
        ({"aspects": []}, "it must be a mapping"),
    ],
)
def test_what_is_wrong_is_named(entry: dict[str, t.Any], words: str) -> None:
    [found] = problems({**TABLE, **entry})

    assert words in found


@pytest.mark.parametrize("name", list(KINDS))
def test_each_kind_is_described_and_reads_something(name: str) -> None:
    kind = KINDS[name]

    assert kind.description
    assert kind.sources
    assert set(kind.sources) <= set(SOURCES)
    assert not set(kind.options) & set(CHECK)
    assert all(option["description"] for option in kind.all_options.values())
