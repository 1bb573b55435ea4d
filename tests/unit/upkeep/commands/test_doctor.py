# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verb `doctor`: each diagnosis well and ill, and what it advises."""

from __future__ import annotations

import json
import socket
import sys
from collections import namedtuple
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.upkeep import run_log as log
from upkeep.__main__ import main
from upkeep.commands import doctor
from upkeep.store import DirectoryStore

NOW = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)
Disk = namedtuple("Disk", "total used free")


def severities(found: Iterable[doctor.Diagnosis], code: str) -> list[str]:
    return [diagnosis.severity for diagnosis in found if diagnosis.code == code]


@pytest.mark.parametrize(("version", "expected"), [((3, 11, 2), "ok"), ((3, 10, 9), "critical")])
def test_python(version: tuple[int, ...], expected: str):
    assert severities(doctor.python(version), "python") == [expected]


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.19.0", "ok"), ("2.21.5", "ok"), ("2.18.9", "critical"), ("2.22.0rc1", "critical")],
)
def test_core(version: str, expected: str):
    assert severities(doctor.core(version), "ansible-core") == [expected]


def test_keys_and_known_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    found = list(doctor.keys(tmp_path, tmp_path))

    assert severities(found, "ssh-key") == ["warning"]
    assert severities(found, "known-hosts") == ["warning"]

    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519.pub").write_text("key")
    (tmp_path / "ssh_known_hosts").write_text("host key")
    found = list(doctor.keys(tmp_path, tmp_path))

    assert severities(found, "ssh-key") == ["ok"]
    assert severities(found, "known-hosts") == ["ok"]


def test_vault(tmp_path: Path):
    inventory, password = tmp_path / "hosts.yml", tmp_path / "password"
    named = {"ANSIBLE_VAULT_PASSWORD_FILE": str(password)}
    inventory.write_text("")
    assert severities(doctor.vault(str(inventory), {}), "vault") == ["ok"]

    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/shop.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    assert severities(doctor.vault(str(inventory), {}), "vault") == ["warning"]
    assert severities(doctor.vault(str(inventory), named), "vault") == ["critical"]

    password.write_text("secret")
    password.chmod(0o644)
    assert severities(doctor.vault(str(inventory), named), "vault") == ["critical"]

    password.chmod(0o600)
    assert severities(doctor.vault(str(inventory), named), "vault") == ["ok"]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Timezone=UTC\nNTPSynchronized=yes", "ok"),
        ("Timezone=UTC\nNTPSynchronized=no", "warning"),
        ("", "warning"),
    ],
)
def test_clock(output: str, expected: str):
    command = (sys.executable, "-c", f"print({output!r})")

    assert severities(doctor.clock(command), "clock") == [expected]


def test_a_clock_that_nobody_can_see_is_unknown():
    assert severities(doctor.clock(("no-such-program",)), "clock") == ["unknown"]
    assert severities(doctor.clock((sys.executable, "-c", "exit(1)")), "clock") == ["unknown"]


@pytest.mark.parametrize(("free", "expected"), [(50, "ok"), (9, "warning"), (2, "critical")])
def test_disk_of_the_store(tmp_path: Path, free: int, expected: str):
    found = doctor.store_disk(str(tmp_path / "new/store"), lambda _: Disk(100, 100 - free, free))

    assert severities(found, "store") == [expected]


def test_a_database_that_is_not_there_is_critical(tmp_path: Path):
    found = doctor.store_disk(f"sqlite:///{tmp_path}/nothing.db")

    assert severities(found, "store") == ["critical"]


def test_a_new_control_host_has_one_line_a_system(tmp_path: Path):
    found = [d for d in doctor.schedules(str(tmp_path), NOW) if d.code == "last-start"]

    assert len(found) == 6
    assert found[0].message.startswith(
        "fairedge: no run is kept of quarter_hourly, hourly, refresh"
    )


def test_a_cadence_that_stopped_is_named_with_the_command_that_runs_it(tmp_path: Path):
    DirectoryStore(tmp_path).save(log.write(tmp_path / "runs" / log.RUN_ID, log.weekly()))
    found = list(doctor.schedules(str(tmp_path), log.START + timedelta(days=8, hours=12)))
    late = [d for d in found if "has not run for 8 days" in d.message]

    assert [d.message.split(":")[0] for d in late] == ["fairedge", "hyperopt"]
    assert "`python -m upkeep run weekly --limit fairedge`" in late[0].advice


def test_the_hosts_of_an_inventory_are_those_that_ansible_sees():
    variables = {"b": {"ansible_port": "2022"}, "a": {"ansible_host": "192.0.2.1"}}
    found = doctor.places_of(json.dumps({"_meta": {"hostvars": variables}}))

    assert found == {"a": ("192.0.2.1", 22), "b": ("b", 2022)}


def test_each_host_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        places = {"up": server.getsockname(), "down": closed.getsockname()}
        monkeypatch.setattr(doctor, "_ssh_places", lambda _: places)
        found = list(doctor.fleet("hosts.yml"))

    assert severities(found, "host") == ["critical"]
    assert found[0].message.startswith("down does not answer at 127.0.0.1:")


def test_the_verb_prints_worst_first_and_fails_on_what_is_critical(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    ill = list(doctor.python((3, 10)))
    monkeypatch.setattr(doctor, "python", lambda: iter(ill))
    arguments = ["doctor", "--store", str(tmp_path)]

    assert main([*arguments, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found[0]["code"], found[0]["severity"]) == ("python", "critical")
    assert found[0]["advice"]

    assert main(arguments) == 1
    assert capsys.readouterr().out.startswith("critical  python          Python 3.10 is too old\n")
