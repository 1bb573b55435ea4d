# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts and components that a run should have seen, against those that it saw."""

from __future__ import annotations

import typing as t

from ansible.module_utils.upkeep.findings import Finding, complete, finding

from upkeep.run.events import Event

AREA: t.Final = "run"


def expected_hosts(events: t.Iterable[Event]) -> list[str]:
    """Return the hosts that the plays of a run were meant for, without the controller itself."""
    names = {host for e in events if e["event"] == "play_started" for host in e.get("hosts", [])}
    return sorted(names - {"localhost"})


def seen_hosts(events: t.Iterable[Event]) -> set[str]:
    """Return the hosts that at least one finding of the run is about."""
    return {e["finding"]["host"] for e in events if e["event"] == "finding"}


def missing_hosts(events: t.Sequence[Event]) -> list[str]:
    """Return the hosts of the run that nothing is known about, sorted."""
    return sorted(set(expected_hosts(events)) - seen_hosts(events))


def empty_components(
    systems: t.Mapping[str, t.Sequence[str]], groups: t.Mapping[str, t.Sequence[str]]
) -> list[tuple[str, str]]:
    """Return (system, component) pairs that a profile declares but no host carries."""
    return [
        (system, component)
        for system, components in sorted(systems.items())
        for component in components
        if not set(groups.get(system, ())) & set(groups.get(component, ()))
    ]


def empty_systems(events: t.Iterable[Event], groups: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """Return the systems of the inventory that have no host.

    A run with --limit is about some hosts only, so nothing is missed there.
    """
    start = next((e for e in events if e["event"] == "run_started"), {})
    if start.get("limit"):
        return []

    return [name for name in start.get("systems", []) if not groups.get(name)]


def system_findings(empty: t.Iterable[str]) -> list[Finding]:
    """Return one critical finding for each system without a host."""
    text = (
        "The inventory has this system without a host, so nothing of it was checked: see why a "
        "dynamic inventory lost its hosts, or remove the group."
    )
    part = finding(
        "inventory:hosts", "critical", text, observed=0, expected="at least 1", unit="hosts"
    )

    return [complete(part, system=name, host="inventory", area=AREA) for name in empty]


def host_findings(missing: t.Iterable[str], system_of: t.Mapping[str, str]) -> list[Finding]:
    """Return one critical finding for each host that the run should have seen and did not."""
    text = (
        "This host should have been checked, but nothing was seen of it: see the failed or "
        "unreachable task, then run again."
    )
    part = finding("host:seen", "critical", text, observed="nothing", expected="findings")

    return [
        complete(part, system=system_of.get(host, "unknown"), host=host, area=AREA)
        for host in missing
    ]


def component_findings(empty: t.Iterable[tuple[str, str]]) -> list[Finding]:
    """Return one critical finding for each component that no host carries."""
    return [
        complete(
            finding(
                f"component:{component}",
                "critical",
                f"No host of '{system}' is in the group '{component}', so its checks run nowhere. "
                f"Add the host to the group or remove '{component}' from system_components.",
                observed="no host",
                expected="at least one host",
            ),
            system=system,
            host="inventory",
            area=AREA,
        )
        for system, component in empty
    ]


def nothing_finding() -> Finding:
    """Return the critical finding of a run that matched no host at all."""
    text = "No host was checked: the group in the inventory is empty or --limit matches nothing."
    part = finding(
        "inventory:hosts", "critical", text, observed=0, expected="at least 1", unit="hosts"
    )

    return complete(part, system="unknown", host="inventory", area=AREA)
