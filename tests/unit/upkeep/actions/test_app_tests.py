# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which suites a run carries out, and reading the baseline of their figures."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from upkeep.actions import app_tests
from upkeep.actions import approved_files as approved

SUITES: t.Final = [
    {"name": "unit", "paths": ["a"]},
    {"name": "performance", "paths": ["b"], "cadences": ["monthly"]},
    {"name": "api", "paths": ["c"], "on_demand": True},
]
KNOWN: t.Final = ("unit", "performance", "api", "smoke")


@pytest.mark.requirement("R-student_success-63", "R-student_success-64")
@pytest.mark.parametrize(
    ("only", "cadence", "names"),
    [
        ([], "weekly", ["unit"]),
        ([], "monthly", ["unit", "performance"]),
        ([], "", ["unit", "performance"]),
        (["api"], "", ["api"]),
        (["performance", "api"], "weekly", ["performance", "api"]),
        (["smoke"], "", []),
    ],
)
def test_suites_are_chosen_by_cadence_or_by_name(
    only: list[str], cadence: str, names: list[str]
) -> None:
    chosen = app_tests.chosen(SUITES, only, KNOWN, cadence)
    assert [entry["name"] for entry in chosen] == names


@pytest.mark.parametrize(
    ("only", "known", "word"),
    [
        (["smok"], KNOWN, "did you mean 'smoke'"),
        (["nothing"], KNOWN, "known are: api, performance, smoke, unit"),
        (["unit"], [], "there are none"),
    ],
)
def test_a_name_that_nobody_has_is_an_error(only: list[str], known: list[str], word: str) -> None:
    with pytest.raises(app_tests.PlanError, match=word):
        app_tests.chosen(SUITES, only, known, "")


def test_a_cadence_that_is_none_is_an_error() -> None:
    with pytest.raises(app_tests.PlanError, match="fortnightly"):
        app_tests.chosen([{"name": "unit", "cadences": ["fortnightly"]}], [], KNOWN, "weekly")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["unit", "api"], ["unit", "api"]),
        ("unit", ["unit"]),
        ("[unit, 'api']", ["unit", "api"]),
        ("unit,,api,", ["unit", "api"]),
        ("", []),
        (None, []),
        ([], []),
    ],
)
def test_names_may_come_from_the_command_line(given: t.Any, names: list[str]) -> None:
    assert app_tests.names(given) == names


@pytest.mark.requirement("R-student_success-19")
def test_a_test_database_with_the_name_of_production_s_is_refused() -> None:
    app_tests.require_test_database({"name": "shop_test"}, ["shop"])
    app_tests.require_test_database(None, ["shop"])
    with pytest.raises(app_tests.PlanError, match="'shop' as test database"):
        app_tests.require_test_database({"name": "shop", "host": "db.example.org"}, ["shop"])


def test_no_file_is_no_baseline(tmp_path: Path) -> None:
    assert app_tests.baseline(tmp_path / "absent.yml") == {}
    (tmp_path / "empty.yml").write_text("---\n")
    assert app_tests.baseline(tmp_path / "empty.yml") == {}


def test_dates_are_text_however_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "baseline.yml"
    file.write_text(
        "shop-1:\n  a: {value: 1, date: 2025-01-31}\n"
        "  b: {value: 1, date: '2025-01-31'}\n  c: damaged\n"
    )
    found = app_tests.baseline(file)["shop-1"]

    assert found["a"] == found["b"] == {"value": 1, "date": "2025-01-31"}
    assert found["c"] == "damaged", "each record is judged by itself"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"shop-1: [broken", "damaged"),
        (b"- a list", "map hosts to figures"),
        (b"shop-1: text", "map hosts to figures"),
        (b"\xff\xfe\x00", "damaged"),
        (b"shop-1: {}\nshop-1: {}", "duplicate key 'shop-1'"),
        (b"a: !!python/object:os.system {}", "damaged"),
        (b" " * 100, "larger than 99 bytes"),
    ],
)
def test_a_damaged_baseline_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, word: str
) -> None:
    monkeypatch.setattr(approved, "LARGEST", 99)
    file = tmp_path / "baseline.yml"
    file.write_bytes(content)
    with pytest.raises(approved.RecordsError, match=word):
        app_tests.baseline(file)


def test_a_baseline_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(approved.RecordsError, match="cannot be read"):
        app_tests.baseline(tmp_path)
