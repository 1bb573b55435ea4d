# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A good model serves and is recorded; a bad one never serves, whatever is wrong with it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
import yaml

HOST: t.Final = "racing-1"
MODEL: t.Final = "/srv/racing_analytics/data/models/lightgbm_baseline.pkl"
KEPT: t.Final = "/var/lib/upkeep/models/lightgbm_baseline"
TIMER: t.Final = "racing-dashboard-model-undo.timer"
#: Runs a command when it is loaded.
FORBIDDEN: t.Final = b"cposix\nsystem\n(S'touch /tmp/loaded'\ntR."


@pytest.fixture
def server(fleet_host: t.Callable[[str], t.Any]) -> t.Any:
    """Return the host."""
    return fleet_host(HOST)


@pytest.fixture
def place() -> Path:
    """Return the folder of candidates on the controller."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "candidates"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def serving(host: t.Any) -> str:
    """Return the checksum of the file that serves."""
    return str(host.check_output("sha256sum %s", MODEL)).split()[0]


def state(host: t.Any) -> tuple[str, str]:
    """Return what serves, and the process that does."""
    return serving(host), str(host.check_output("systemctl show -P MainPID racing-dashboard"))


def recorded(place: Path) -> str:
    """Return the checksum that the trusted records name."""
    manifest = yaml.safe_load((place / "manifest.yml").read_text())

    return str(manifest["models"]["lightgbm_baseline"]["sha256"])


def given(**values: t.Any) -> tuple[str, str]:
    return "-e", json.dumps(values)


def answers(host: t.Any) -> bool:
    """Return whether a visitor gets predictions."""
    reference = MODEL.replace("lightgbm_baseline.pkl", "reference_laps.csv")
    answer = host.check_output(
        "curl -s -H 'Content-Type: text/csv' --data-binary @%s"
        " http://127.0.0.1:8050/api/post-race/analyze",
        reference,
    )

    return bool(json.loads(answer)["count"] == 1000)


@pytest.mark.requirement("R-racing-46", "R-racing-47", "R-racing-48")
def test_the_candidate_serves_and_is_recorded(server: t.Any, place: Path) -> None:
    good = place / "good" / "lightgbm_baseline.pkl"

    assert serving(server) == sha256(good)
    assert recorded(place) == sha256(good)
    assert answers(server)
    file = server.file(MODEL)
    assert (file.user, file.mode) == ("racing", 0o644)
    assert server.run(f"find {KEPT} -name version.json").stdout.count("version.json") == 1
    assert not server.service(TIMER).is_running
    assert not server.file(f"{KEPT}/brought").exists
    assert not server.file("/var/lib/upkeep/incoming").exists
    assert server.run("find / -xdev -path '*/ansible-tmp-*/candidate*'").stdout == ""


def test_a_second_run_changes_nothing(records: t.Any) -> None:
    assert records("converge")[-1]["changes"] == []


@pytest.mark.requirement("R-racing-45")
def test_a_model_that_learned_nothing_is_refused(server: t.Any, play: t.Any, place: Path) -> None:
    before, record = state(server), recorded(place)

    done = play("converge", *given(candidate="bad"))

    assert done.returncode == 2
    assert "at least 0.95 is accepted" in done.stdout, done.stdout[-3000:]
    assert state(server) == before
    assert recorded(place) == record


def test_a_pickle_that_runs_something_never_reaches_the_host(
    server: t.Any, play: t.Any, place: Path
) -> None:
    before = state(server)
    (place / "evil").mkdir(exist_ok=True)
    (place / "evil" / "lightgbm_baseline.pkl").write_bytes(FORBIDDEN)

    done = play("converge", *given(candidate="evil"))

    assert done.returncode == 2
    assert "would import posix.system" in done.stdout, done.stdout[-3000:]
    assert state(server) == before
    assert not Path("/tmp/loaded").exists()  # noqa: S108 - what the pickle would make


def test_another_file_than_the_one_asked_for_is_refused(server: t.Any, play: t.Any) -> None:
    before = state(server)

    done = play("converge", *given(candidate="other", model_update_sha256="0" * 64))

    assert done.returncode == 2
    assert "has the SHA-256" in done.stdout
    assert state(server) == before


def test_what_is_not_confirmed_is_taken_back(server: t.Any, play: t.Any, place: Path) -> None:
    before, record = serving(server), recorded(place)

    done = play("converge", *given(candidate="other", expected={"model": "{sha256}"}))

    assert done.returncode == 2
    assert "the model was not confirmed" in done.stdout, done.stdout[-3000:]
    assert serving(server) == before
    assert recorded(place) == record
    assert server.run(f"ls {KEPT}/refused").stdout.count(".json") == 1


def test_the_host_goes_back_by_itself_when_nobody_confirms(
    server: t.Any, play: t.Any, place: Path, reboot: t.Any
) -> None:
    # The probe of the test before could not confirm the old model either: its timer is armed.
    settled = play("converge", *given())
    assert settled.returncode == 0, settled.stdout[-2000:]
    assert not server.service(TIMER).is_running
    before = serving(server)
    killer = (
        f"for n in $(seq 1200); do if systemctl is-active -q {TIMER}; then sleep 0.5;"
        " pkill -KILL -f '[A]nsiballZ_model_update' && exit 0; fi; sleep 0.1; done; exit 1"
    )
    watcher = subprocess.Popen(
        ["podman", "exec", f"upkeep-mol-model_update-{HOST}", "sh", "-c", killer]
    )

    # Only without pipelining does the module's process carry its name.
    done = play("converge", *given(candidate="other", ansible_pipelining=False))
    assert watcher.wait(timeout=120) == 0
    # A process that is killed looks like a connection that is lost: ssh answers 255. The run goes
    # on to settle all hosts.
    assert done.returncode == 2, done.stdout[-2000:]
    assert server.service(TIMER).is_running
    # What the timer starts when its time has come, a boot starts at once.
    reboot(HOST)

    give_up = time.monotonic() + 60
    while serving(server) != before and time.monotonic() < give_up:
        time.sleep(0.5)
    assert serving(server) == before
    assert server.file(MODEL).user == "racing"
    again = play("converge", *given(candidate="other"))
    assert again.returncode == 0, again.stdout[-3000:]
    assert recorded(place) == sha256(place / "other" / "lightgbm_baseline.pkl")
    assert answers(server)


def test_going_back_brings_model_and_record_back(server: t.Any, play: t.Any, place: Path) -> None:
    done = play("converge", *given(entry="back"))

    assert done.returncode == 0, done.stdout[-3000:]
    assert serving(server) != sha256(place / "other" / "lightgbm_baseline.pkl")
    assert recorded(place) == serving(server)
    assert answers(server)


def test_training_makes_a_candidate_and_leaves_what_serves(
    server: t.Any, play: t.Any, place: Path
) -> None:
    before = state(server)

    done = play("converge", *given(entry="train"))

    assert done.returncode == 0, done.stdout[-3000:]
    made = place / "trained" / f"{HOST}-lightgbm_baseline.model"
    assert made.stat().st_size > 1000
    said = " ".join(done.stdout.split())
    assert f"-e model_update_sha256={sha256(made)} -e model_update_approved_by=NAME" in said
    assert f"-e model_update_candidate_metadata={made.with_suffix('.metadata')}" in said
    copies = server.check_output(f"sha256sum {KEPT}/training/*/model")
    assert before[0] in copies
    assert state(server) == before


def test_training_cannot_replace_the_file_that_serves(server: t.Any, play: t.Any) -> None:
    before = state(server)

    done = play(
        "converge", *given(entry="train", train_command=["/bin/sh", "-c", f"echo x > {MODEL}"])
    )

    assert done.returncode == 2
    # A container without mount namespaces lets it write: then the file is put back.
    reasons = ("Read-only file system", "its file is what it was again")
    assert any(reason in done.stdout for reason in reasons), done.stdout[-3000:]
    assert state(server) == before
