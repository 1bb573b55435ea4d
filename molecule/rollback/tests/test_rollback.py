# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The release before serves again, its caches are cleared, its dependants restarted."""

from __future__ import annotations

import json
import typing as t

HOST: t.Final = "fairedge-1"


def test_what_ran_before_the_first_deployment_serves_again(fleet_host: t.Any) -> None:
    host = fleet_host(HOST)
    answer = json.loads(host.check_output("curl -s http://127.0.0.1:8000/health"))

    assert answer["version"] == "1.0.0"
    assert host.check_output("readlink /srv/releases/fairedge/current") == "releases/0"


def test_the_first_run_says_done_and_the_second_changes_nothing(records: t.Any) -> None:
    found = [item for record in records("converge") for item in record["findings"]]
    messages = [item["message"] for item in found if item["check"] == "rollback:app"]

    assert any(message.startswith("Done: release 0 serves instead of") for message in messages)
    assert records("converge")[-1]["changes"] == []


def test_a_release_that_is_not_there_needs_a_person(fleet_host: t.Any, play: t.Any) -> None:
    done = play("converge", "-e", "rollback_release=nothing")

    assert done.returncode == 2
    assert "A person must step in: there is no complete release 'nothing'" in done.stdout
