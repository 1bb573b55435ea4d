# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Redis and what is encrypted come back; the key is on no host, in no log and in no record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

HOST, SYSTEM = "fairedge-1", "fairedge"
SECRETS = "/opt/fairedge/.env.production"
UNIT = "redis-server.service"
REPLACE = (
    "-e", f"chosen_system={SYSTEM}", "-e", "restore_action=replace", "--limit", SYSTEM,
    "-e", '{"restore_artefacts": ["redis", "configuration"]}',
)  # fmt: skip
#: Where a host could keep a key: files of all kinds, and what was logged.
PLACES = "/etc /opt /root /home /srv /tmp /run /usr/local /var"
KEY = "AGE-SECRET-KEY-"


def found(run: Path) -> dict[str, dict[str, t.Any]]:
    """Return the findings of a run about the host by check."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    findings = [event["finding"] for event in events if event["event"] == "finding"]

    return {finding["check"]: finding for finding in findings if finding["host"] == HOST}


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Return the options that open the demo's key, from a vault file as people have one."""
    folder = tmp_path_factory.mktemp("vault")
    project = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
    plain = project / ".demo" / f"mol-{os.environ['MOLECULE_SCENARIO_NAME']}" / "backup_key.json"
    (folder / "password").write_text("of this test")
    program = str(Path(sys.executable).parent / "ansible-vault")
    argv = [program, "encrypt", "--vault-password-file", str(folder / "password")]
    subprocess.run([*argv, "--output", str(folder / "key.yml"), str(plain)], check=True)

    assert KEY not in (folder / "key.yml").read_text()

    return "-e", f"@{folder / 'key.yml'}", "--vault-password-file", str(folder / "password")


@pytest.fixture
def server(fleet_host: t.Callable[[str], t.Any]) -> t.Any:
    """Return the host."""
    return fleet_host(HOST)


def planted(host: t.Any) -> str:
    """Return the values of the planted keys."""
    return str(host.check_output("redis-cli -n 5 MGET planted:1 planted:2 planted:3"))


def lose(host: t.Any) -> None:
    """Destroy what Redis holds, and the environment file."""
    host.check_output("redis-cli FLUSHALL")
    host.check_output("redis-cli -n 5 SET written:since x")
    host.check_output("echo lost > %s", SECRETS)


def test_its_rehearsal_loaded_redis_and_read_what_is_encrypted(runs: t.Any) -> None:
    seen = found(runs("converge")[1])

    assert seen["rehearsal:redis"]["status"] == "ok"
    assert "keys in" in seen["rehearsal:redis"]["message"]
    assert seen["rehearsal:configuration"]["status"] == "ok"
    assert "its key is not on this host" in seen["rehearsal:configuration"]["message"]


def test_without_the_key_nothing_is_replaced(play: t.Any, server: t.Any) -> None:
    before = server.file(SECRETS).sha256sum

    done = play("restore_backup", *REPLACE)

    assert done.returncode != 0
    assert "configuration is encrypted; give the private key as age_identity" in done.stdout
    assert server.file(SECRETS).sha256sum == before


@pytest.mark.parametrize("mode", [(), ("--check",)])
def test_a_key_is_not_sent_where_it_would_be_written(
    play: t.Any, server: t.Any, vault: tuple[str, ...], mode: tuple[str, ...]
) -> None:
    before = server.file(SECRETS).sha256sum

    done = play("restore_backup", *REPLACE, *vault, "-e", "ansible_pipelining=false", *mode)

    assert done.returncode != 0
    assert "Ansible would write the private key to the disk of this host" in done.stdout
    assert server.file(SECRETS).sha256sum == before


@pytest.mark.requirement("R-fairedge-113", "R-fairedge-115")
def test_redis_and_secrets_come_back_and_the_key_stays_away(
    play: t.Any, runs: t.Any, server: t.Any, vault: tuple[str, ...]
) -> None:
    keys, secrets = planted(server), server.file(SECRETS).sha256sum
    rights = server.check_output("stat -c '%%U %%G %%a' %s /var/lib/redis/dump.rdb", SECRETS)
    lose(server)

    done = play("restore_backup", *REPLACE, *vault)

    assert done.returncode == 0, done.stdout

    seen = found(runs("restore-backup")[-1])

    assert seen["restore:redis"]["status"] == "ok"
    assert "dump.rdb.before-" in seen["restore:redis"]["message"]
    assert planted(server) == keys
    assert server.check_output("redis-cli -n 5 EXISTS written:since") == "0"
    assert server.file(SECRETS).sha256sum == secrets
    assert server.file(SECRETS).contains("CANARY-9c1d")
    assert (
        server.check_output("stat -c '%%U %%G %%a' %s /var/lib/redis/dump.rdb", SECRETS) == rights
    )
    assert server.service(UNIT).is_running
    assert server.service("fairedge-api.service").is_running

    assert KEY not in done.stdout
    assert server.run(f"grep -rlIs --exclude-dir=proc {KEY} {PLACES}").stdout == ""
    assert server.run(f"journalctl -q --no-pager | grep -c {KEY}").stdout.strip() == "0"
    for run in runs("restore-backup"):
        for path in run.iterdir():
            assert KEY.encode() not in path.read_bytes(), path
            assert b"CANARY-9c1d" not in path.read_bytes(), path
