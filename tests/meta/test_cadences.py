# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One playbook for each cadence, and each does what the profiles expect of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools import PROJECT, playbook_page, yamlfiles
from upkeep.profile import schema as profile
from upkeep.run import groups

CADENCES = list(profile.schema()["properties"]["system_jobs"]["properties"])
LOOKING = ("quarter_hourly", "hourly")
CHANGING = [cadence for cadence in CADENCES if cadence not in LOOKING]
SYSTEMS = sorted(PROJECT.glob("inventory/group_vars/*/health.yml"))
CLEARED = "upkeep_cleared"


def playbook(cadence: str) -> Path:
    """Return the playbook of a cadence."""
    return PROJECT / "playbooks" / f"{cadence}.yml"


def roles_of(cadence: str, *, changing: bool) -> set[str]:
    """Return the roles of the plays that change systems, or of those that do not."""
    plays = [
        play
        for play in playbook_page.plays(playbook(cadence))
        if (CLEARED in play["hosts"]) is changing
    ]
    return {role for play in plays for role in playbook_page.roles_of(play)}


def has_job(play: dict[str, Any], role: str) -> bool:
    """Tell whether a play carries out a role only where the profile names it as a job."""
    return f"job_{role}" in play["hosts"].replace("&", "").split(":")


@pytest.mark.parametrize(
    ("cadence", "restarting"), [("quarter_hourly", {"lock", "self_heal"}), ("hourly", set())]
)
def test_frequent_playbooks_only_look_or_restart_what_is_down(
    cadence: str, restarting: set[str]
) -> None:
    assert roles_of(cadence, changing=True) == set()
    assert {"lock", "gate", "self_heal"} & roles_of(cadence, changing=False) == restarting


@pytest.mark.parametrize("cadence", CHANGING)
def test_nothing_changes_before_it_was_looked_at_and_cleared(cadence: str) -> None:
    names = [play["name"] for play in playbook_page.plays(playbook(cadence))]
    stages = [
        name
        for name in names
        if name in ("Open", "Preflight", "Look", "Verify models", "Gate", "Look again")
    ]

    assert stages == ["Open", "Preflight", "Look", "Verify models", "Gate", "Look again"]
    assert (
        names.index("Lock") < names.index("Heal") < names.index("Gate") < names.index("Rotate logs")
    )
    assert names[-5:] == [
        "Look again",
        "Look at the rehearsals",
        "Rehearse restores",
        "Release",
        "Verdict",
    ]


@pytest.mark.parametrize("cadence", CADENCES)
def test_playbook_names_its_own_cadence(cadence: str) -> None:
    named: list[dict[str, Any]] = [
        play["vars"] for play in yamlfiles.read(playbook(cadence)) if "vars" in play
    ]

    assert named
    assert all(given == {"upkeep_cadence": cadence} for given in named)


@pytest.mark.parametrize("cadence", CHANGING)
def test_cadences_that_change_systems_differ_in_their_name_only(cadence: str) -> None:
    [only] = yamlfiles.read(playbook(cadence))

    assert only["ansible.builtin.import_playbook"] == "stages/maintain.yml"
    assert only["vars"] == {"upkeep_cadence": cadence}


@pytest.mark.parametrize("cadence", CADENCES)
@pytest.mark.parametrize("health", SYSTEMS, ids=lambda path: path.parent.name)
def test_every_job_of_a_profile_has_a_play(cadence: str, health: Path) -> None:
    jobs = yamlfiles.read(health.with_name("main.yml"))["system_jobs"][cadence]
    plays = playbook_page.plays(playbook(cadence))
    done = {role for play in plays for role in playbook_page.roles_of(play) if has_job(play, role)}

    assert set(jobs) <= done, f"playbooks/{cadence}.yml would leave them out"


@pytest.mark.parametrize("cadence", CADENCES)
def test_groups_of_jobs_and_of_cleared_hosts_are_made_by_every_run(cadence: str) -> None:
    """Ansible warns about a group that does not exist, and a run begins with these ones empty."""
    plays = playbook_page.plays(playbook(cadence))
    parts = {part for play in plays for part in play["hosts"].replace("&", "").split(":")}
    filled = {part for part in parts if part.startswith(("job_", "upkeep_"))}

    assert filled <= set(groups.names(PROJECT))


@pytest.mark.parametrize("cadence", CHANGING)
def test_what_changes_systems_is_done_on_cleared_hosts_with_the_job_only(cadence: str) -> None:
    roles = {"log_rotation", "redis_tune", "db_maintenance", "schedule"}
    changing = [
        play
        for play in playbook_page.plays(playbook(cadence))
        if set(playbook_page.roles_of(play)) & roles
    ]

    assert changing
    for play in changing:
        roles = playbook_page.roles_of(play)
        assert roles[0] == "lock", "a run that lost its lock changes nothing more"
        assert f"&{CLEARED}" in play["hosts"].split(":")
        assert all(has_job(play, role) for role in roles[1:])
