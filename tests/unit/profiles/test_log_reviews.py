# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reviews of the shipped profiles that have no figure, and those of the journal itself.

The journal is a program of ours that prints entries; what systemd knows of a start is replaced.
"""

from __future__ import annotations

import json
import os
import time
import typing as t
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.log_review import run as reviewing

from tests import evidence
from tests.unit.module_utils.log_review.log_samples import findings, iso
from tests.unit.profiles.limits import Entry, profile

Journal = Callable[[Sequence[str]], None]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """Return a function that sets what the journal of the last minute holds."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    tool = tmp_path / "journalctl"
    tool.write_text(f"#!/bin/sh\ncat {tmp_path}/entries\n")
    tool.chmod(0o755)

    def say(messages: Sequence[str]) -> None:
        moment = str(int((time.time() - 60) * 1e6))
        entries = ({"__REALTIME_TIMESTAMP": moment, "MESSAGE": one} for one in messages)
        (tmp_path / "entries").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))

    return say


def reviewed(system: str, log: str, review: str, *, path: Path | None = None) -> Finding:
    """Return the finding of one review of the shipped profile, in ``path`` instead of its files."""
    [raw] = [one for one in profile(system)["system_log_reviews"] if one["name"] == log]
    [asked] = [dict(one) for one in raw["reviews"] if one["name"] == review]
    asked.pop("cadences", None)
    source: Entry = {key: value for key, value in raw.items() if key != "cadences"}
    source |= {"paths": [str(path)]} if path else {}

    return findings({**source, "reviews": [asked]})[f"log:{log}.{review}"]


def record(**fields: t.Any) -> str:
    """Return a record as the API writes it."""
    head = {"timestamp": iso(time.time() - 60), "level": "INFO", "service": "api"}

    return json.dumps({**head, "message": "Request processed", **fields})


ADDRESS: t.Final = "192.0.2.9"
FAILED: t.Final = f"Failed password for root from {ADDRESS} port 40022 ssh2"
ACCEPTED: t.Final = f"Accepted publickey for ada from {ADDRESS} port 40022 ssh2: ED25519 SHA256:x"


@pytest.mark.parametrize(("number", "status"), [(50, "ok"), (51, "warning")])
def test_failed_sign_ins_of_one_address(journal: Journal, number: int, status: str) -> None:
    journal([FAILED] * number)
    found = reviewed("hyperopt", "sign-ins", "failed")

    assert (found["status"], found["observed"]) == (status, number)

    evidence.add("hyperopt", [found], "warning 50")


#: System, log, review, message, and a part of what the finding reports.
TOLD: t.Final = [
    ("hyperopt", "sign-ins", "accepted", ACCEPTED, "ada: 3"),
    ("hyperopt", "api", "addresses", record(client_ip=ADDRESS), f"{ADDRESS}: 3"),
    ("hyperopt", "api", "refused", record(status_code=403, endpoint="/a"), "/a: 3"),
    ("hyperopt", "api", "requests-per-hour", record(), "0.0178571 in 1 h on average"),
    ("fairedge", "output", "errors", "ERROR: it broke", "3 in the last 24 h"),
]


@pytest.mark.parametrize(("system", "log", "review", "message", "told"), TOLD)
def test_what_the_journal_holds_is_told(
    journal: Journal, system: str, log: str, review: str, message: str, told: str
) -> None:
    journal([message] * 3)
    found = reviewed(system, log, review)

    assert found["status"] == "info"
    assert told in found["message"]

    evidence.add(system, [found], "told")


@pytest.mark.parametrize(
    ("line", "status"),
    [("Using SimplePostRacePredictor", "ok"), ("Using OtherPredictor", "critical")],
)
def test_the_predictor_in_use_is_that_of_the_guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, status: str
) -> None:
    name = "ExecMainStartTimestampMonotonic"
    monkeypatch.setattr(systemd, "show", lambda units, *_: {units[0]: {name: "1000000"}})
    monkeypatch.setattr(reviewing, "boot_time", lambda: time.time() - 3600)
    path = tmp_path / "dashboard.log"
    earlier = f"{iso(time.time() - 7200)} INFO app: Using OldPredictor\n"
    path.write_text(f"{earlier}{iso(time.time() - 60)} INFO app: {line}\n")
    found = reviewed("racing", "dashboard", "predictor", path=path)

    assert found["status"] == status
    assert found["expected"] == "Using SimplePostRacePredictor"

    evidence.add("racing", [found])


def test_slow_statements_of_the_server_are_told_without_their_values(tmp_path: Path) -> None:
    path = tmp_path / "postgresql-15-main.log"
    moment = time.strftime("%Y-%m-%d %H:%M:%S.000 UTC", time.gmtime(time.time() - 60))
    head = f"{moment} [42] trailblaze@trailblaze LOG:  duration: 1234.5 ms"
    statement = "SELECT name FROM riders WHERE email = "
    path.write_text(
        f"{head}  statement: {statement}'ada@example.org'\n"
        f"{head}  execute <unnamed>: {statement}$1\n"
        f"{moment} [42] LOG:  checkpoint starting: time\n"
    )
    found = reviewed("trailblaze", "database", "slow-statements", path=path)

    assert (found["status"], found["observed"]) == ("info", 1)
    assert f"{statement.strip()}" in found["message"]
    assert "example.org" not in str(found)

    evidence.add("trailblaze", [found], "told")
