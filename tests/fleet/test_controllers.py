# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates of AWX and Semaphore run on the fleet as the servers start them: a look, a weekly run
with its limit, one with a survey.

Clean environment, a HOME and a working folder of their own; for AWX the checkout is read-only where
this machine allows that. Needs a running fleet (``python -m demo up``).
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import fleet
from tests.contract import servers
from tests.contract.servers import Done, Entry
from tests.fleet.runs import Record, alarms, changed
from upkeep.controller.files import ServerData, server_data

#: The system of the templates: one host, whose runs are short.
SYSTEM: t.Final = "racing"
HOST: t.Final = "racing-1"


@pytest.fixture(scope="module")
def data() -> ServerData:
    return server_data()


@pytest.fixture
def home() -> Iterator[Path]:
    with servers.home() as folder:
        yield folder


class Awx:
    """Starts jobs on the fleet, each in a folder of its own."""

    def __init__(self, running: fleet.Fleet, templates: list[Entry]) -> None:
        self.templates = {entry["name"]: entry for entry in templates}
        self.inventory = servers.exported(running.inventory)
        self.known_hosts = str(running.folder / "known_hosts")
        self.prefix = servers.read_only()

    def start(self, name: str, home: Path, *options: str, **answers: t.Any) -> Done:
        """Start a template; answers replace the defaults of its survey."""
        template = self.templates[f"Upkeep {name}"]

        return servers.as_awx(
            template,
            home,
            self.inventory,
            *options,
            limit=template.get("limit", SYSTEM),
            answers={**servers.answers_of(template, ""), **answers},
            injected={"upkeep_known_hosts": self.known_hosts},
            prefix=self.prefix,
        )


@pytest.fixture(scope="module")
def awx(running: fleet.Fleet, clean_run: Record, data: ServerData) -> Awx:
    """Return a server; the fleet had its weekly run, so that nothing is due."""
    return Awx(running, data.awx["controller_templates"])


def quiet(done: Done, home: Path) -> Record:
    """Return the record of a run that looked at one system and had nothing to change."""
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]

    record = servers.newest(home)

    assert set(record["hosts"]) - {"localhost"} == {HOST}
    assert record["failed_tasks"] == []
    assert changed(record) == set()
    assert alarms(record) == {}

    return record


def test_awx_looks(awx: Awx, home: Path):
    record = quiet(awx.start(f"hourly {SYSTEM}", home), home)

    assert record["playbook"].endswith("playbooks/hourly.yml")
    assert record["limit"] == SYSTEM


def test_awx_runs_a_weekly_with_its_limit(awx: Awx, home: Path):
    record = quiet(awx.start(f"weekly {SYSTEM}", home), home)

    assert not record["check_mode"]
    assert [f["status"] for f in record["findings"] if f["check"] == "gate:change"] == ["ok"]


def test_awx_hands_on_integers_as_integers(awx: Awx, home: Path):
    quiet(awx.start("follow_logs", home, log_review_follow_seconds=0), home)


def test_awx_hands_on_texts_that_stay_texts(awx: Awx, home: Path):
    """A look only, by the job type that a person may choose; the text goes to a module."""
    code = f"{{{{ lookup('pipe', 'touch {home}/ran') }}}}"
    text = f'O\'Hara "the {code}"\n{{% raw %}} {{# no end'
    done = awx.start("record_models", home, "--check", model_verification_approved_by=text)
    record = quiet(done, home)

    assert record["check_mode"]
    assert not (home / "ran").exists()


class Semaphore:
    """Starts tasks on the fleet."""

    def __init__(self, running: fleet.Fleet, templates: list[Entry]) -> None:
        self.templates = {entry["name"]: entry for entry in templates}
        self.inventory = running.inventory

    def start(self, name: str, home: Path, *options: str, limit: str = "", **answers: str) -> Done:
        """Start a template; answers replace the defaults of its survey."""
        template = self.templates[f"Upkeep {name}"]
        defaults = {entry["name"]: entry["default_value"] for entry in template["survey_vars"]}

        return servers.as_semaphore(
            template, home, self.inventory, *options, limit=limit, answers={**defaults, **answers}
        )


@pytest.fixture(scope="module")
def semaphore(running: fleet.Fleet, clean_run: Record, data: ServerData) -> Semaphore:
    """Return a server; the fleet had its weekly run, so that nothing is due."""
    return Semaphore(running, data.semaphore["templates"])


def test_semaphore_looks(semaphore: Semaphore, home: Path):
    quiet(semaphore.start(f"hourly {SYSTEM}", home), home)


def test_semaphore_runs_a_weekly_with_its_limit(semaphore: Semaphore, home: Path):
    template = semaphore.templates[f"Upkeep weekly {SYSTEM}"]
    record = quiet(semaphore.start(f"weekly {SYSTEM}", home), home)

    assert f"--limit={SYSTEM}" in json.loads(template["arguments"])
    assert [f["status"] for f in record["findings"] if f["check"] == "gate:change"] == ["ok"]


def test_semaphore_hands_on_answers_as_texts(semaphore: Semaphore, home: Path):
    """Numbers, too; a person who starts a task gives the limit."""
    done = semaphore.start("follow_logs", home, limit=SYSTEM, log_review_follow_seconds="0")
    quiet(done, home)


def test_semaphore_hands_on_quotes_and_lines(semaphore: Semaphore, home: Path):
    text = 'O\'Hara "the first"\nand only'
    started = semaphore.start(
        "record_models", home, "--check", limit=SYSTEM, model_verification_approved_by=text
    )

    assert quiet(started, home)["check_mode"]
