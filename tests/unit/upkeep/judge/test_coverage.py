# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Was everything looked at?"""

from __future__ import annotations

from upkeep.judge import coverage


def test_missing_hosts_are_those_without_findings() -> None:
    events = [
        {"event": "play_started", "hosts": ["h1", "h2"]},
        {"event": "play_started", "hosts": ["localhost"]},
        {"event": "finding", "finding": {"host": "h1"}},
    ]

    assert coverage.missing_hosts(events) == ["h2"]


def test_components_without_host() -> None:
    groups = {"s": ["h1"], "app": ["h1", "other"], "redis": ["other"]}
    assert coverage.empty_components({"s": ["app", "redis", "web"]}, groups) == [
        ("s", "redis"),
        ("s", "web"),
    ]


def test_a_system_without_a_host_is_missed_unless_the_run_is_limited() -> None:
    start = {"event": "run_started", "limit": "", "systems": ["hyperopt", "racing"]}
    groups = {"racing": ["racing-1"], "hyperopt": []}

    assert coverage.empty_systems([start], groups) == ["hyperopt"]
    assert coverage.empty_systems([{**start, "limit": "racing"}], groups) == []
    assert coverage.empty_systems([], groups) == []
    [found] = coverage.system_findings(["hyperopt"])
    assert found["system"] == "hyperopt"
    assert found["status"] == "critical"


def test_findings_are_critical() -> None:
    found = [
        *coverage.host_findings(["h2"], {"h2": "s"}),
        *coverage.component_findings([("s", "redis")]),
        coverage.nothing_finding(),
    ]

    assert {f["status"] for f in found} == {"critical"}
