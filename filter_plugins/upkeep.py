# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small questions that the stages ask about what other hosts answered."""

from __future__ import annotations

import typing as t

#: States of the lock with which a run may change a system. In check mode nobody takes it: it is
#: free, and nothing is restarted.
HOLDING: t.Final = frozenset({"taken", "renewed", "taken_over", "free"})

Answer = t.Mapping[str, t.Any]


def registered(
    hostvars: t.Mapping[str, t.Any], name: str, hosts: t.Iterable[str]
) -> list[dict[str, t.Any]]:
    """Return what these hosts have registered under a name, without those that have not."""
    answers = (hostvars[host].get(name) for host in hosts if host in hostvars)
    return [dict(answer) for answer in answers if answer]


def holds_lock(answers: t.Iterable[Answer]) -> bool:
    """Return whether one of the hosts of a system has taken its lock for this run."""
    return any(answer.get("lock_state") in HOLDING for answer in answers)


def restarted_units(answers: t.Iterable[Answer]) -> list[str]:
    """Return the units that self_heal has restarted on these hosts."""
    return [unit for answer in answers for unit in answer.get("restarted", [])]


def critical_checks(answers: t.Iterable[Answer]) -> list[str]:
    """Return the names of the checks that are critical on these hosts."""
    return [
        finding["check"]
        for answer in answers
        for finding in answer.get("findings", [])
        if finding["status"] == "critical"
    ]


def checks_of_units(units: t.Iterable[Answer], checks: t.Iterable[Answer]) -> list[str]:
    """Return the names of the checks that show that one of these units is down.

    These are the checks that a unit of ``system_self_heal`` names, and the checks of kind ``unit``
    that look at it.
    """
    units = list(units)
    names = {unit["unit"] for unit in units}
    named = [check for unit in units for check in unit.get("checks", [])]
    own = [
        f"unit:{check['name']}"
        for check in checks
        if check["kind"] == "unit" and check.get("unit") in names
    ]

    return named + own


def failed_before(
    hostvars: t.Mapping[str, t.Any], hosts: t.Sequence[str], host: str, ready: str, served: str
) -> list[str]:
    """Return the hosts because of which a change must not go on to ``host``.

    Those that have not noted ``ready``, and of those before it those that have not noted
    ``served``: a change that goes host by host stops at the first failure.
    """
    before = set(hosts[: list(hosts).index(host)])

    return [
        name
        for name in hosts
        if not hostvars[name].get(ready) or (name in before and not hostvars[name].get(served))
    ]


def on_component(
    entries: t.Iterable[t.Any], component: str, groups: t.Collection[str]
) -> list[t.Any]:
    """Return the entries on a host that carries the component, none on any other."""
    return list(entries) if component in groups else []


def for_components(
    entries: t.Iterable[t.Mapping[str, t.Any]], groups: t.Collection[str]
) -> list[t.Mapping[str, t.Any]]:
    """Return the entries that concern a host: those of its components, and those of none."""
    return [entry for entry in entries if entry.get("component") in (None, *groups)]


def set_to_make(looks: t.Iterable[Answer]) -> str:
    """Return the name of the set that all hosts of a system make, '' when none of them is due."""
    looks = list(looks)
    if not any(look.get("due") for look in looks):
        return ""

    return max(str(look.get("next_set", "")) for look in looks)


def rehearsals_due(looks: t.Iterable[Answer]) -> list[Answer]:
    """Return the looks of the hosts on which the restore of a set is to be rehearsed now."""
    return [look for look in looks if look.get("due")]


def last_message(answer: Answer, otherwise: str = "it ended without an answer") -> str:
    """Return the last message that a task recorded, else why it failed, else ``otherwise``."""
    recorded = answer.get("upkeep_recorded") or []

    return str(recorded[-1]["message"] if recorded else answer.get("msg") or otherwise)


class FilterModule:
    """The filters by the name that playbooks use."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        """Return the filters."""
        return {
            "checks_of_units": checks_of_units,
            "critical_checks": critical_checks,
            "for_components": for_components,
            "holds_lock": holds_lock,
            "failed_before": failed_before,
            "last_message": last_message,
            "on_component": on_component,
            "registered": registered,
            "rehearsals_due": rehearsals_due,
            "restarted_units": restarted_units,
            "set_to_make": set_to_make,
        }
