# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page of a system says what its profile says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools import PROJECT, describe_checks, docs, profiles, system_page

MAIN = """\
---
# shop: sells things.
system_name: shop
system_title: Shop
system_user: shop
system_home: /opt/shop
system_api_port: 8000
system_components: [app]
system_jobs:
  {quarter_hourly: [], hourly: [], daily: [], weekly: [rotate], monthly: [], quarterly: []}
system_required_paths: [{path: /opt/shop, type: directory, owner: shop, group: shop, mode: "0750"}]
system_health_checks:
  - name: web
    kind: http
    url: "http://127.0.0.1:{{ system_api_port }}/"
    requirements: [R-shop-01, R-shop-07]
system_log_files:
  - {name: api, paths: [/var/log/a.log], cadence: weekly, keep_days: 30, compress_after_days: 0}
system_databases:
  - name: shop
    vacuum: {dead_tuple_percent: 5}
    connections: {warning_percent: 70, requirements: [R-shop-02]}
system_models:
  - name: prices
    path: p.pkl
    limits: {r2: 0.9, requirements: [R-shop-06]}
    requirements: [R-shop-03]
system_folders: [{path: /opt/shop/results}]
system_schedule: {weekly: {weekday: monday, hour: 7, requirements: [R-shop-04]}}
system_limits:
  errors:
    levels: {warning: 10, critical: 50}
    unit: in 1 h
    note: by name
    requirements: [R-shop-05]
"""
CHANGE = "- {name: Rotate, hosts: upkeep_cleared, roles: [rotate]}\n"
LOOK = "- {name: Look, hosts: systems, roles: [health]}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of one system."""
    files = {f"playbooks/{cadence}.yml": LOOK for cadence in system_page.CADENCES}
    files |= {f"playbooks/{cadence}.yml": LOOK + CHANGE for cadence in ("weekly", "monthly")}
    files |= {
        f"inventory/group_vars/shop/{stem}.yml": "---\n" for stem in ("health", "logs", "database")
    }
    files["inventory/group_vars/shop/main.yml"] = MAIN
    files["inventory/group_vars/shop/logs.yml"] = "---\n# Lines are never lost.\n"
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    return tmp_path


def section(page: str, heading: str) -> list[str]:
    """Return the lines of one section."""
    return page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0].splitlines()


def test_page_opens_with_what_the_system_is(project: Path) -> None:
    page = system_page.render(project, "shop", {"system_limits"})
    assert page.startswith("# Shop\n")
    assert "\nSells things.\n" in page
    assert "- runs as `shop` in `/opt/shop`" in page


def test_playbooks_show_jobs_and_the_time_of_the_guide(project: Path) -> None:
    rows = section(system_page.render(project, "shop", {"system_limits"}), "What runs when")
    job = "[rotate](../../roles/rotate/README.md)"
    what = f"checks, then {job}, then checks again what was changed"

    assert f"| [weekly](../playbooks.md#weekly) | {what} | Monday 07:00 |" in rows
    assert "| [monthly](../playbooks.md#monthly) | only checks: no job of this system | - |" in rows
    assert "| [hourly](../playbooks.md#hourly) | checks | - |" in rows


def test_figures_are_shown_with_limits_and_ids(project: Path) -> None:
    page = system_page.render(project, "shop", {"system_limits"})

    assert (
        "| `http:web` | `http://127.0.0.1:8000/` answers 200 | all | - | otherwise |"
        " R-shop-01, -07 |" in page
    )
    assert "Lines are never lost." in section(page, "Logs")
    assert "| api | `/var/log/a.log` | weekly | at once | 30 days | - |" in page
    assert "| `shop` | connections | warning above 70 % | R-shop-02 |" in page
    assert "above 5 % dead rows and 1000 of them" in page
    assert "| path | `/opt/shop` | directory of `shop:shop` mode 0750 |" in page
    assert section(page, "Models")[5:] == [
        "| `p.pkl` | the file is the recorded one: SHA-256, MD5 and size | R-shop-03 |",
        "| `p.pkl` | r2 at least 0.9 | R-shop-06 |",
    ]
    assert "| `/opt/shop/results` | path `/opt/shop/results` | - |" in section(page, "Folders")


def test_what_nothing_reads_is_told_apart(project: Path) -> None:
    page = system_page.render(project, "shop", {"system_limits"})
    used, planned = section(page, "Further figures in use"), section(page, "Not done yet")
    assert "| Limits | errors | warning 10, critical 50 in 1 h; by name | - | R-shop-05 |" in used
    assert "| Schedule | weekly | Monday 07:00 | - | R-shop-04 |" in planned
    assert not any("| Limits |" in line for line in planned)


def test_a_page_without_a_system_is_named(project: Path) -> None:
    page = project / "docs/systems/gone.md"
    page.parent.mkdir(parents=True)
    page.write_text("# Gone\n")
    rendered, problems = docs.pages(project)

    assert project / "docs/systems/shop.md" in rendered
    assert problems == ["docs/systems/gone.md describes no system: remove it"]


@pytest.mark.parametrize(
    ("check", "row"),
    [
        (
            {"kind": "tcp", "port": 22, "attempts": 2},
            ("127.0.0.1:22 accepts connections (2 attempts, 1 s apart)", "-"),
        ),
        (
            {"kind": "unit", "unit": "a.service", "expect": ["active", "reloading"]},
            ("`a.service` is active or", "-"),
        ),
        (
            {"kind": "unit", "unit": "a.service", "max_restarts": 3},
            ("restarts by systemd", "above 3"),
        ),
        ({"kind": "load"}, ("runnable processes per core", "above 1.5")),
        (
            {"kind": "filesystem", "paths": ["all"], "exclude": ["/mnt"]},
            ("every local file system without `/mnt`", "80"),
        ),
        (
            {"kind": "filesystem", "paths": ["/"], "inodes": {"warning": 70}},
            ("inodes in use of `/`", "above 70 %"),
        ),
        (
            {"kind": "redis", "info": [{"field": "lag", "warning": 1, "worse": "below"}]},
            ("`lag` of INFO", "below 1"),
        ),
        (
            {"kind": "redis", "info": [{"field": "role", "equals": "master"}]},
            ("`role` of INFO is `master`", "-"),
        ),
        (
            {"kind": "redis", "info": [{"field": "hit_ratio", "warning": 9, "worse": "below"}]},
            ("found their", "below 9"),
        ),
        (
            {"kind": "metrics", "url": "http://a/m", "errors": {"warning": 5}},
            ("share of requests", "above 5 %"),
        ),
        (
            {"kind": "metrics", "url": "http://a/m", "response_time": {"warning_ms": 9}},
            ("95th perc", "above 9 ms"),
        ),
        (
            {"kind": "metrics", "url": "http://a/m", "rate": {"critical": 9}},
            ("requests/min since", "-"),
        ),
        (
            {"kind": "replication", "database": "d", "warning": 9},
            ("replicas are behind", "above 9 s, a slot that"),
        ),
        ({"kind": "http", "url": "http://a/", "tls_expiry": {}}, None),
        (
            {"kind": "http", "url": "https://a/", "tls_expiry": {"warning_days": 9}},
            ("days that the cert", "below 9 days"),
        ),
        (
            {
                "kind": "http",
                "url": "http://a/",
                "json": [{"path": "n", "at_most": 5, "severity": "warning"}],
            },
            ("`http://a/` answers 200", "unless `n` is at most 5"),
        ),
        (
            {
                "kind": "postgresql",
                "database": "d",
                "expect": {"at_least": 2, "severity": "warning"},
            },
            ("`SELECT 1` on database `d`: the answer is at least 2", "otherwise"),
        ),
        (
            {
                "kind": "celery",
                "broker": "redis://:secret@192.0.2.1/0",
                "queues": [{"name": "q", "warning": 9}],
            },
            ("tasks that wait in queue `q`", "above 9"),
        ),
        (
            {"kind": "listener", "port": 80, "unit": "web.service"},
            ("`web.service` listens on port 80", "-"),
        ),
        (
            {"kind": "process", "unit": "web.service", "at_most": 2},
            ("`web.service`: at least 1, at most 2", "-"),
        ),
        (
            {"kind": "unit_memory", "unit": "web.service", "warning": 500},
            ("memory of the proc", "above 500 MB"),
        ),
        (
            {"kind": "cpu", "warning": 70, "fall": 3},
            ("since the previous run (3 failures in a row)", "above 70 %"),
        ),
        ({"kind": "disk_io", "cadences": ["weekly"]}, ("since the previous run (weekly)", "-")),
        ({"kind": "network", "warning": 5}, ("traffic in both directions", "above 5 MB/s")),
        ({"kind": "top", "count": 3}, ("the 3 processes that use most memory", "-")),
        (
            {"kind": "file", "path": "/b/*.gz", "age_hours": {"warning": 26}},
            ("hours since `/b/*.gz`", "above 26 h"),
        ),
        (
            {"kind": "log_line", "path": "/l", "pattern": "x y"},
            ("newest line of `/l` that fits `x y`", "when there is"),
        ),
        (
            {"kind": "unix_socket", "path": "/s", "severity": "warning"},
            ("`/s` accepts connections", "otherwise"),
        ),
        ({"kind": "dns", "host": "a.example.org"}, ("`a.example.org` resolves", "-")),
        (
            {"kind": "unit", "unit": "web.service", "max_new_restarts": 0},
            ("since the previous run", "above 0"),
        ),
        (
            {
                "kind": "http",
                "url": "http://a/",
                "method": "POST",
                "upload": {"content": "a", "rows": 3},
            },
            ("time for each row", "-"),
        ),
    ],
)
def test_every_kind_of_check_has_words(check: dict[str, Any], row: tuple[str, str] | None) -> None:
    if row is None:
        with pytest.raises(ValueError, match="tls_expiry is empty"):
            describe_checks.rows([{"name": "x", **check}])
        return

    judged = describe_checks.rows([{"name": "x", **check}])[-1]

    assert row[0] in judged.asks
    assert row[1] in judged.warning
    assert "secret" not in str(judged)


def test_all_shipped_profiles_can_be_told() -> None:
    for system in profiles.systems(PROJECT):
        page = system_page.render(PROJECT, system, ())
        assert "{{" not in page, f"{system}: a reference that no figure explains"
