# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind unit_memory, against a /proc of the test."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import unit_memory
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.kinds.conftest import Tree

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"unit": "a.service", "warning": 500}

Observed = Callable[..., dict[str, Finding]]


@pytest.mark.requirement("R-racing-54", "R-racing-64", "R-fairedge-131")
def test_memory_of_a_unit(tree: Tree, observed: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    group = {"ControlGroup": "/system.slice/shop.service"}
    monkeypatch.setattr(unit_memory, "unit_properties", lambda *_: group)
    monkeypatch.setattr(unit_memory, "CGROUP", tree.root / "cgroup")
    tree.add(10, unit="shop.service", pages=500)
    tree.add(11, unit="shop.service", pages=500)
    limits = {"unit": "shop.service", "warning": 2, "critical": 3}
    found = observed("unit_memory", **limits)["unit_memory:x"]

    assert (found["status"], found["observed"], found["unit"]) == ("critical", 4.1, "MB")

    stat = tree.root / "cgroup" / "system.slice" / "shop.service" / "memory.stat"
    stat.parent.mkdir(parents=True)
    stat.write_text("anon 1500000\nfile 90000000\nfile_mapped 600000\n")
    found = observed("unit_memory", **limits)["unit_memory:x"]

    assert (found["status"], found["observed"], found["expected"]) == ("warning", 2.1, "at most 2")

    group["ControlGroup"] = ""

    assert observed("unit_memory", **limits)["unit_memory:x"]["status"] == "unknown"


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        unit_memory.parse(text.replace("anon", ""))


def test_a_unit_without_visible_processes_is_not_small(
    tree: Tree, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = {"ControlGroup": "/system.slice/shop.service"}
    monkeypatch.setattr(unit_memory, "unit_properties", lambda *_: group)
    monkeypatch.setattr(unit_memory, "CGROUP", tree.root / "cgroup")

    found = observed("unit_memory", unit="shop.service", warning=5)["unit_memory:x"]

    assert found["status"] == "unknown"


@pytest.mark.parametrize("name", ["shop", "store.service"])
def test_an_alias_without_an_account_of_memory_has_its_units_processes(
    tree: Tree, observed: Observed, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tree.add(10, unit="shop.service")
    shown = {"ControlGroup": "/system.slice/shop.service", "Id": "shop.service"}
    monkeypatch.setattr(unit_memory, "unit_properties", lambda *_: shown)
    monkeypatch.setattr(unit_memory, "CGROUP", tree.root / "cgroup")

    found = observed("unit_memory", unit=name, warning=1e9)["unit_memory:x"]

    assert found["status"] == "ok"
