# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release of the dashboard is deployed, and the way back is gone, as docs/deploying.md has it.

Needs a running fleet (``python -m demo up``).
"""

from __future__ import annotations

import json
import typing as t
import urllib.request
from collections.abc import Iterator

import pytest

from demo import containers, engine, fleet
from demo.releases import BAD
from tests.fleet.conftest import FLEET
from tests.fleet.runs import MOST_STARTS, Play, Record, changed
from tools import PROJECT

HOST: t.Final = "racing-1"
SYSTEM: t.Final = ("--limit", "racing")
NEW: t.Final = ("-e", "predictor_deploy_version=v1.1.0")
#: The one task that fails for a release that does not prove itself.
REFUSED: t.Final = "predictor_deploy : Go live | Stop where the release was refused"
#: To what ran before the first deployment.
BACK: t.Final = ("-e", "rollback_release=0")


@pytest.fixture(scope="module")
def version(running: fleet.Fleet) -> t.Callable[[], str]:
    """Return a function that asks the dashboard for its version."""
    container = containers.inspect(running, HOST)
    assert container is not None
    address = f"http://127.0.0.1:{container.ports[8050]}/health"

    def ask() -> str:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return str(json.loads(answer.read())["version"])

    return ask


@pytest.fixture(scope="module")
def deployed(
    demo: t.Callable[..., None], play: Play, version: t.Callable[[], str]
) -> Iterator[Record]:
    """Return the record of a deployment; the host ends as it was."""
    demo("releases")
    play("back_up_system", *SYSTEM)
    planned = play("deploy_predictor", "--check", *SYSTEM, *NEW)

    assert not exists("/srv/releases/racing/current"), "the check changed the host"
    assert "is not on the host yet. Steps: unpack release" in said(planned)
    assert "would serve instead of what runs now. Files: " in said(planned)
    assert "services/settings.py changed" in said(planned)
    assert "Steps: keep what runs now as release 0" in said(planned)
    assert version() == "1.0.0"

    yield play("deploy_predictor", *SYSTEM, *NEW)

    if version() != "1.0.0":
        play("roll_back", *SYSTEM, *BACK)


def exists(path: str) -> bool:
    """Return whether the host has a path."""
    name = fleet.select(fleet.load(), FLEET, [], PROJECT / ".demo").container(HOST)

    return engine.podman("exec", name, "test", "-e", path, check=False).returncode == 0


def said(record: Record) -> str:
    """Return what the run found of releases."""
    return "\n".join(
        finding["message"]
        for finding in record["findings"]
        if finding["check"].startswith(("release:", "rollback:"))
    )


def statuses(record: Record) -> dict[str, str]:
    """Return check -> status of what the run found of releases and ways back."""
    return {
        finding["check"]: finding["status"]
        for finding in record["findings"]
        if finding["check"].startswith(("release:", "rollback:", "tests:"))
    }


def test_a_release_is_tested_and_serves_and_a_second_run_changes_nothing(
    deployed: Record, play: Play, version: t.Callable[[], str]
) -> None:
    assert statuses(deployed) == {
        "release:app": "ok",
        "release:app.built": "ok",
        "tests:predictor": "ok",
    }
    assert version() == "1.1.0"

    second = play("deploy_predictor", *SYSTEM, *NEW)

    assert changed(second) == set()
    assert second["hosts"][HOST]["remote_tasks"] <= MOST_STARTS


@pytest.mark.usefixtures("deployed")
def test_a_release_that_cannot_be_imported_never_serves(
    play: Play, version: t.Callable[[], str]
) -> None:
    before = version()

    record = play(
        "deploy_predictor", *SYSTEM, "-e", f"predictor_deploy_version={BAD}", failing=[REFUSED]
    )

    assert statuses(record)["release:app"] == "critical"
    assert "was not confirmed: asked before it served: " in said(record)
    assert "nothing that serves was changed; evidence: /srv/releases/racing/" in said(record)
    assert version() == before
    assert exists("/srv/releases/racing/quarantine")


@pytest.mark.usefixtures("deployed")
def test_the_way_back_is_gone_and_a_second_run_changes_nothing(
    play: Play, version: t.Callable[[], str]
) -> None:
    planned = play("roll_back", "--check", *SYSTEM, *BACK)

    assert "Would go back" in said(planned)
    assert "services/settings.py changed" in said(planned)
    assert version() == "1.1.0"

    first = play("roll_back", *SYSTEM, *BACK)

    assert statuses(first) == {"rollback:app": "ok"}
    assert version() == "1.0.0"
    second = play("roll_back", *SYSTEM, *BACK)

    assert changed(second) == set()
    assert second["hosts"][HOST]["remote_tasks"] <= MOST_STARTS
