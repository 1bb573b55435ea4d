# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The definition of the fleet, and the names that follow from it."""

from __future__ import annotations

import copy
import typing as t
from pathlib import Path

import pytest
import yaml

from demo import fleet
from demo.errors import DemoError

GOOD: dict[str, t.Any] = {
    "image": {
        "repository": "localhost/x",
        "suite": "bookworm",
        "suites": {"bookworm": {}},
        "base_packages": ["systemd"],
    },
    "history": {"seed": 1, "days": 365, "log_days": 180},
    "systems": {"shop": {"user": "shop", "port": 8000}},
    "hosts": {
        "shop-db": {"system": "shop", "components": ["postgresql"], "publish": {22: 2201}},
        "shop-api": {
            "system": "shop",
            "components": ["app"],
            "needs": ["shop-db"],
            "publish": {22: 2202, 8001: 9001},
            "settings": {"port": 8001},
            "health": {"port": 8001, "path": "/health"},
        },
    },
}


def load(tmp_path: Path, data: dict[str, t.Any]) -> fleet.Definition:
    path = tmp_path / "fleet.yml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return fleet.load(path)


def test_settings_of_the_host_win_over_those_of_the_system(tmp_path: Path) -> None:
    host = load(tmp_path, GOOD).hosts["shop-api"]
    assert host.settings == {"user": "shop", "port": 8001}
    assert host.health == fleet.Health(8001, "/health")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"componens": ["app"]}, "componens"),
        ({"components": ["mainframe"]}, "mainframe"),
        ({"system": "bakery"}, "bakery"),
        ({"needs": ["shop-cache"]}, "shop-cache"),
        ({"publish": {8001: 9001}}, "port 22"),
        ({"publish": {22: 2201, 8001: 9001}}, "2201"),
        ({"health": {"port": 8002, "path": "/"}}, "8002"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, changes: dict[str, t.Any], named: str) -> None:
    data = copy.deepcopy(GOOD)
    data["hosts"]["shop-api"].update(changes)
    with pytest.raises(DemoError, match=named):
        load(tmp_path, data)


def test_a_host_brings_the_hosts_it_needs(tmp_path: Path) -> None:
    chosen = fleet.select(load(tmp_path, GOOD), "mol-x", ["shop-api"], tmp_path)
    assert [host.name for host in chosen.hosts] == ["shop-db", "shop-api"]


def test_no_named_host_means_all_of_them(tmp_path: Path) -> None:
    assert len(fleet.select(load(tmp_path, GOOD), "default", [], tmp_path).hosts) == 2


@pytest.mark.parametrize(
    ("name", "host"), [("../up", "shop-api"), ("a b", "shop-api"), ("fine", "nowhere")]
)
def test_strange_names_are_refused(tmp_path: Path, name: str, host: str) -> None:
    with pytest.raises(DemoError):
        fleet.select(load(tmp_path, GOOD), name, [host], tmp_path)


def test_fleets_are_kept_apart_by_name(tmp_path: Path) -> None:
    one, other = (
        fleet.select(load(tmp_path, GOOD), name, [], tmp_path) for name in ("default", "mol-x")
    )

    assert one.network != other.network
    assert one.container("shop-db") == "upkeep-default-shop-db" != other.container("shop-db")
    assert one.folder != other.folder
    assert one.fixed_ports and not other.fixed_ports


def test_the_shipped_definition_fits() -> None:
    definition = fleet.load()
    remembering = {host.system for host in definition.hosts.values() if host.has_history}
    assert remembering == {"fairedge", "hyperopt", "racing", "student_success", "trailblaze"}
    assert not definition.hosts["ops-1"].has_history
    assert all("history" not in host.settings for host in definition.hosts.values())


def test_every_system_has_a_profile() -> None:
    profiles = {
        path.parent.name
        for path in (fleet.PROJECT / "inventory" / "group_vars").glob("*/health.yml")
    }
    assert {host.system for host in fleet.load().hosts.values()} <= profiles
