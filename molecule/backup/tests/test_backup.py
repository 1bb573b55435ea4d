# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets on real hosts: whole, private, verified, of one name on all hosts of a system."""

from __future__ import annotations

import json
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import pytest

Record = dict[str, t.Any]
HOSTS = {
    "student-success-1": "student_success",
    "hyperopt-db": "hyperopt",
    "hyperopt-api1": "hyperopt",
    "fairedge-1": "fairedge",
}
SEALED = {
    "student-success-1": "environment",
    "hyperopt-api1": "environment",
    "fairedge-1": "configuration",
}
#: The tool that fails on each host: a new file that is found before the true one, or in its place.
SPOILED = {
    "student-success-1": "/usr/local/sbin/zstd",
    "hyperopt-db": "/usr/lib/postgresql/*/bin/pg_dump",
    "hyperopt-api1": "/usr/local/sbin/age",
    "fairedge-1": "/usr/local/sbin/redis-check-rdb",
}
SYSTEMS = ",".join(sorted(set(HOSTS.values())))
Hosts = t.Callable[[str], t.Any]


def root(host: str) -> str:
    """Return the folder of the sets of a host."""
    return f"/var/backups/upkeep/{HOSTS[host]}"


def sets(fleet_host: Hosts, host: str) -> list[str]:
    """Return the names of the sets on a host."""
    return sorted(
        name
        for name in fleet_host(host).file(root(host)).listdir()
        if name.endswith("Z") and not name.startswith(".")
    )


def manifest(fleet_host: Hosts, host: str) -> Record:
    """Return the manifest of the newest set of a host."""
    path = f"{root(host)}/{sets(fleet_host, host)[-1]}/manifest.json"
    content: Record = json.loads(fleet_host(host).file(path).content_string)

    return content


def statuses(record: Record, host: str) -> dict[str, str]:
    """Return the status of each check of a host."""
    return {f["check"]: f["status"] for f in record["findings"] if f["host"] == host}


def ids_of(record: Record) -> set[str]:
    """Return the ids that findings carried."""
    return {found for finding in record["findings"] for found in finding["requirements"]}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_has_one_set_that_only_root_can_enter(fleet_host: Hosts, host: str) -> None:
    folder = fleet_host(host).file(root(host))

    assert len(sets(fleet_host, host)) == 1
    assert (folder.user, folder.mode) == ("root", 0o700)


def test_hosts_of_one_system_have_a_set_of_one_name(fleet_host: Hosts) -> None:
    assert sets(fleet_host, "hyperopt-db") == sets(fleet_host, "hyperopt-api1")


@pytest.mark.parametrize("host", HOSTS)
def test_what_a_killed_run_left_is_gone_and_what_is_not_ours_stays(
    fleet_host: Hosts, host: str
) -> None:
    names = fleet_host(host).file(root(host)).listdir()

    assert ".making-20260101T020000Z" not in names
    assert "somebody_else" in names


def test_rows_were_counted_in_the_snapshot_of_the_dump(fleet_host: Hosts) -> None:
    made = manifest(fleet_host, "student-success-1")
    [database] = [one for one in made["artefacts"] if one["name"] == "database"]
    rows = {table["name"]: table["rows"] for table in database["facts"]["tables"]}

    assert rows['Planted "table'] == 1000


def test_the_data_of_the_guide_are_in_the_set(fleet_host: Hosts) -> None:
    made = manifest(fleet_host, "student-success-1")
    kinds = {one["name"]: one["kind"] for one in made["artefacts"]}

    assert kinds["database"] == "postgresql"
    assert kinds["mvp_data"] == "sqlite"
    assert kinds["models"] == "files"


def test_no_data_are_in_the_records_of_the_runs(
    runs: t.Callable[[str], list[t.Any]],
) -> None:
    for run in runs("converge"):
        for path in run.iterdir():
            assert b"CANARY-7f3a" not in path.read_bytes(), path


@pytest.mark.parametrize(("host", "artefact"), SEALED.items())
def test_what_holds_secrets_is_encrypted_to_a_key_that_is_elsewhere(
    fleet_host: Hosts, host: str, artefact: str
) -> None:
    [newest] = sets(fleet_host, host)
    folder = f"{root(host)}/{newest}/{artefact}"
    found = fleet_host(host)

    assert found.file(folder).listdir() == ["files.tar.zst.age"]
    assert "age-encryption.org" in found.check_output(f"head -c 30 {folder}/files.tar.zst.age")
    assert found.run("grep -rs AGE-SECRET-KEY /var/backups /etc /opt /root").stdout == ""


@pytest.mark.parametrize("host", SEALED)
def test_a_secret_of_an_environment_file_is_nowhere_in_clear(
    fleet_host: Hosts, host: str, runs: t.Any
) -> None:
    [newest] = sets(fleet_host, host)
    unpack = (
        f"find {root(host)}/{newest} -name '*.zst' -exec zstd -qdc {{}} + | grep -c CANARY-9c1d"
    )

    assert fleet_host(host).run(unpack).stdout.strip() == "0"
    for run in runs("converge"):
        for path in run.iterdir():
            assert b"CANARY-9c1d" not in path.read_bytes(), path


def test_redis_was_asked_for_a_snapshot(fleet_host: Hosts) -> None:
    artefacts = manifest(fleet_host, "fairedge-1")["artefacts"]
    [redis] = [one for one in artefacts if one["kind"] == "redis"]

    assert redis["facts"]["keys"] >= 0
    assert redis["facts"]["raw_bytes"] > 0
    assert [file["path"] for file in redis["files"]] == ["redis/dump.rdb.zst"]


def test_the_first_run_made_and_the_second_did_not(
    records: t.Callable[[str], list[Record]],
) -> None:
    check, first, second = records("converge")[:3]

    assert statuses(check, "student-success-1")["backup:age"] == "info"
    assert statuses(first, "student-success-1")["backup:mvp_data"] == "ok"
    assert ids_of(first) >= {"R-student_success-33", "R-student_success-74", "R-hyperopt-35"}
    assert ids_of(first) >= {"R-fairedge-113", "R-fairedge-115", "R-hyperopt-37"}
    assert statuses(second, "student-success-1") == {
        "backup:age": "ok",
        "backup:sets": "ok",
        "backup:size": "ok",
    }
    assert second["changes"] == []


def test_a_damaged_set_is_found_and_another_is_made_on_demand(
    fleet_host: Hosts, play: t.Any, record: t.Callable[[str], Record]
) -> None:
    host, name = "student-success-1", "student-success-1"
    [made] = sets(fleet_host, host)
    dump = f"{root(host)}/{made}/database/database.dump.zst"
    fleet_host(host).check_output(f"truncate --size=-1 {dump}")

    play("verify_backups", "--limit", "student_success")
    seen = statuses(record("verify-backups"), name)

    assert seen[f"backup_set:{made}"] == "critical"
    assert seen["backup:age"] == "critical"

    done = play("back_up_system", "--limit", "student_success")

    assert done.returncode == 0, done.stdout[-2000:]
    assert statuses(record("back-up-system"), name)["backup:age"] == "ok"
    assert len(sets(fleet_host, host)) == 2


def spoil(host: t.Any, path: str) -> None:
    """Put a program there that fails; what is there is kept aside."""
    script = "#!/bin/sh\\necho out of luck >&2\\nexit 3\\n"
    host.check_output(f"test ! -e {path} || mv {path} {path}.kept")
    host.check_output(f"printf '{script}' > {path} && chmod 755 {path}")


def mend(host: t.Any, path: str) -> None:
    """Take that program away again."""
    host.check_output(f"rm -f {path} && (test ! -e {path}.kept || mv {path}.kept {path})")


def complaints(record: Record, host: str) -> str:
    """Return what is critical on a host."""
    found = [f for f in record["findings"] if f["host"] == host and f["status"] == "critical"]

    return " ".join(f["message"] for f in found)


def test_a_tool_that_fails_is_named_and_the_next_run_makes_a_set(
    fleet_host: Hosts, play: t.Any, record: t.Callable[[str], Record]
) -> None:
    before = {host: sets(fleet_host, host) for host in HOSTS}
    real = fleet_host("hyperopt-db").check_output(f"ls {SPOILED['hyperopt-db']}").split()[0]
    spoiled = {**SPOILED, "hyperopt-db": real}
    try:
        for host, path in spoiled.items():
            spoil(fleet_host(host), path)
        play("back_up_system", "--limit", SYSTEMS)
    finally:
        for host, path in spoiled.items():
            mend(fleet_host(host), path)
    failed = record("back-up-system")

    for host, path in SPOILED.items():
        assert f"{PurePosixPath(path).name} ended with 3" in complaints(failed, host)
        assert sets(fleet_host, host) == before[host]

    done = play("back_up_system", "--limit", SYSTEMS)

    assert done.returncode == 0, done.stdout[-2000:]
    for host in HOSTS:
        assert len(sets(fleet_host, host)) == len(before[host]) + 1


def test_a_set_is_made_though_the_connection_is_lost(
    fleet_host: Hosts, play: t.Any, record: t.Callable[[str], Record]
) -> None:
    host = fleet_host("student-success-1")
    before = sets(fleet_host, "student-success-1")
    lock = f"{root('student-success-1')}/.lock"
    host.check_output(f"flock {lock} sleep 20 >/dev/null 2>&1 & sleep 0.2")
    answers: list[t.Any] = []
    run = threading.Thread(
        target=lambda: answers.append(play("back_up_system", "--limit", "student_success"))
    )
    run.start()

    for _ in range(300):  # until the job waits for the lock
        if host.run("pgrep -f [A]nsiballZ_backup.py").rc == 0:
            break
        time.sleep(0.2)
    sessions = host.check_output("pgrep -f '^sshd.*: .*@'").split()
    host.check_output(f"kill {' '.join(sessions)}")
    run.join()

    assert answers[0].returncode == 0, answers[0].stdout[-2000:]
    assert statuses(record("back-up-system"), "student-success-1")["backup:set"] == "ok"
    assert len(sets(fleet_host, "student-success-1")) == len(before) + 1


def test_a_set_that_ended_with_a_boot_is_made_by_the_next_run(
    fleet_host: Hosts, play: t.Any, reboot: t.Callable[[str], None]
) -> None:
    """What a job has written on its state goes on saying that it runs."""
    host = fleet_host("student-success-1")
    before = sets(fleet_host, "student-success-1")
    lock = f"{root('student-success-1')}/.lock"
    host.check_output(f"flock {lock} sleep 600 >/dev/null 2>&1 & sleep 0.2")

    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(play, "back_up_system", "--limit", "student_success")
        for _ in range(300):  # until the job waits for the lock
            if host.run("pgrep -f [A]nsiballZ_backup.py").rc == 0:
                break
            time.sleep(0.2)
        reboot("student-success-1")
        ended = making.result(timeout=300)

    assert ended.returncode != 0
    assert "The host booted, which ended the job" in ended.stdout, ended.stdout[-2000:]
    assert sets(fleet_host, "student-success-1") == before

    again = play("back_up_system", "--limit", "student_success")
    assert again.returncode == 0, again.stdout[-2000:]
    assert len(sets(fleet_host, "student-success-1")) == len(before) + 1
