# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A system whose data are gone comes back by one playbook, and a rehearsal touches none of it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

Finding = dict[str, t.Any]
HOST, SYSTEM = "student-success-1", "student_success"
SQLITE = "/opt/student_success/mvp_data.db"
MODELS = "/opt/student_success/results/models"
UNIT = "student-success-api.service"
CHECK, FIRST, SECOND = 0, 1, 2
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
#: Rows of a table and a hash over all of them, whatever order they lie in.
ROWS = "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM public.{} t"
#: The live database, those that were kept of it, and the one of a recovery test.
DATABASES = "SELECT datname FROM pg_database WHERE datname LIKE 'student_success%'"
REPLACE = ("-e", f"chosen_system={SYSTEM}", "-e", "restore_action=replace")


def found(run: Path, name: str = HOST) -> dict[str, Finding]:
    """Return the findings of a run about a host by check."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    findings = [event["finding"] for event in events if event["event"] == "finding"]

    return {finding["check"]: finding for finding in findings if finding["host"] == name}


def psql(host: t.Any, query: str, database: str = SYSTEM) -> str:
    """Return what a query answers."""
    command = f'psql -XAtq -v ON_ERROR_STOP=1 -d {database} -c "{query}"'
    return str(host.check_output("su postgres -c %s", command))


def state(host: t.Any) -> dict[str, str]:
    """Return what the system works on: a hash over the rows of each table, and over each file."""
    tables = {table: psql(host, ROWS.format(table)) for table in psql(host, TABLES).split()}
    uploads = host.check_output("sqlite3 %s .dump | sha256sum", SQLITE)
    models = host.check_output(f"cd {MODELS} && find . -type f -exec sha256sum {{}} + | sort")
    rights = host.check_output(f"find {MODELS} -printf '%P %s %u %m\\n' | sort")

    return {**tables, "uploads": uploads, "models": models, "rights": rights}


@pytest.fixture
def server(fleet_host: t.Callable[[str], t.Any]) -> t.Any:
    """Return the host."""
    return fleet_host(HOST)


@pytest.mark.requirement("R-student_success-131")
def test_the_set_was_rehearsed_once(runs: t.Any, records: t.Any, server: t.Any) -> None:
    check, first, second = (found(run) for run in runs("converge")[: SECOND + 1])

    assert check["rehearsal:age"]["status"] == "info"
    for name in ("database", "mvp_data", "models"):
        assert first[f"rehearsal:{name}"]["status"] == "ok", first
    assert first["rehearsal:database.students"]["observed"] >= 100
    assert first["rehearsal:age"]["status"] == second["rehearsal:age"]["status"] == "ok"
    assert "rehearsal:database" not in second
    assert records("converge")[SECOND]["changes"] == []
    assert server.run("pgrep -u upkeep_rehearsal").rc == 1
    assert server.check_output("find /var/tmp -name '*upkeep-*'") == ""


def test_what_a_recovery_test_left_is_reported(runs: t.Any) -> None:
    left = found(runs("converge")[FIRST])["restore:left_behind"]

    assert left["status"] == "warning"
    assert "student_success_dr_test" in left["message"]


def test_the_account_of_the_rehearsal_reaches_nothing_that_lives(server: t.Any) -> None:
    as_account = "runuser -u upkeep_rehearsal -- "
    data = psql(server, "SHOW data_directory")

    assert server.file(data).is_directory
    assert server.run(as_account + f"ls {data}").rc != 0
    assert server.run(as_account + "psql -d student_success -c 'SELECT 1'").rc != 0
    assert server.run(as_account + "ls /var/backups/upkeep").rc != 0


def test_check_mode_says_what_would_be_replaced(play: t.Any, runs: t.Any, server: t.Any) -> None:
    before = state(server)
    done = play("restore_backup", *REPLACE, "--check")

    assert done.returncode == 0, done.stdout

    seen = found(runs("restore-backup")[-1])

    assert "would replace student_success" in seen["restore:database"]["message"]
    assert f"would replace {MODELS}" in seen["restore:models"]["message"]
    assert state(server) == before


def test_without_the_name_of_the_system_nothing_is_replaced(
    play: t.Any, runs: t.Any, server: t.Any
) -> None:
    done = play("restore_backup", "-e", "restore_action=replace")

    assert done.returncode == 0, done.stdout
    assert "restore:database" not in found(runs("restore-backup")[-1])
    assert "_before_" not in psql(server, "SELECT string_agg(datname, ' ') FROM pg_database")


def test_production_wants_a_confirmation(play: t.Any, server: t.Any) -> None:
    done = play("restore_backup", *REPLACE, "-e", "upkeep_environment=production")

    assert done.returncode != 0
    assert "upkeep_confirm_production=student_success" in done.stdout


@pytest.mark.requirement(
    "R-student_success-111",
    "R-student_success-115",
    "R-student_success-116",
    "R-student_success-117",
)
def test_wiped_data_come_back_by_one_playbook(play: t.Any, runs: t.Any, server: t.Any) -> None:
    before = state(server)
    started = server.check_output(f"systemctl show -P ActiveEnterTimestampMonotonic {UNIT}")
    psql(server, "DROP DATABASE student_success WITH (FORCE)", "postgres")
    server.check_output(f"rm -rf {MODELS} {SQLITE} {SQLITE}-wal {SQLITE}-shm")

    done = play("restore_backup", *REPLACE)

    assert done.returncode == 0, done.stdout

    seen = found(runs("restore-backup")[-1])

    assert seen["restore:set"]["status"] == "ok"
    assert seen["restore:set"]["observed"] < 900, "the guide allows 15 minutes"
    assert state(server) == before
    assert len(before) > 3
    assert server.service(UNIT).is_running
    assert server.check_output("curl -fsS http://127.0.0.1:8001/health")
    assert server.check_output(f"systemctl show -P ActiveEnterTimestampMonotonic {UNIT}") != started


def shape(host: t.Any) -> str:
    """Return indexes, constraints, owner and rights of the table of interventions."""
    return psql(
        host,
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = 'interventions'::regclass UNION ALL"
        " SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE 'interventions'::regclass IN (conrelid, confrelid) UNION ALL"
        " SELECT concat(pg_get_userbyid(relowner), ' ', relacl) FROM pg_class"
        " WHERE oid = 'interventions'::regclass ORDER BY 1",
    )


def test_one_table_comes_back_beside_a_running_service(
    play: t.Any, runs: t.Any, server: t.Any
) -> None:
    before, shaped = psql(server, "SELECT count(*) FROM interventions"), shape(server)
    psql(server, "DELETE FROM interventions")

    done = play("restore_backup", *REPLACE, "-e", "restore_table=public.interventions")

    assert done.returncode == 0, done.stdout
    assert psql(server, "SELECT count(*) FROM interventions") == before
    assert shape(server) == shaped
    assert "PRIMARY KEY" in shaped
    assert "upkeep_before_" in found(runs("restore-backup")[-1])["restore:database"]["message"]


def test_one_model_comes_back_alone(play: t.Any, server: t.Any) -> None:
    name = server.check_output(f"find {MODELS} -type f | sort | head -n 1")
    content = server.file(name).sha256sum
    server.check_output(f"echo broken > {name}")

    done = play("restore_backup", *REPLACE, "-e", json.dumps({"restore_paths": [name]}))

    assert done.returncode == 0, done.stdout
    assert server.file(name).sha256sum == content


def test_a_damaged_set_replaces_nothing(play: t.Any, server: t.Any) -> None:
    before = state(server)
    dump = server.check_output("ls /var/backups/upkeep/student_success/*/models/*.zst")
    server.check_output(f"cp {dump} /root/kept && printf x >> {dump}")
    try:
        done = play("restore_backup", *REPLACE)
    finally:
        server.check_output(f"cp /root/kept {dump}")

    assert done.returncode != 0
    assert "is damaged and is not restored" in done.stdout
    assert state(server) == before
    assert server.service(UNIT).is_running


def store(host: t.Any) -> str:
    """Return every file of the sets with its bytes, and when each was changed."""
    folder = "/var/backups/upkeep/student_success"
    content = host.check_output(f"cd {folder} && find . -type f -exec sha256sum {{}} + | sort")
    times = host.check_output(f"cd {folder} && find . -printf '%P %T@ %u %m\\n' | sort")

    return f"{content}\n{times}"


def test_no_playbook_changes_a_byte_of_the_sets(play: t.Any, server: t.Any) -> None:
    assert play("verify_backups", "--limit", SYSTEM).returncode == 0
    before = store(server)

    for playbook, options in (
        ("verify_backups", ("--limit", SYSTEM)),
        ("restore_backup", ()),
        ("restore_backup", (*REPLACE, "--check")),
        ("restore_backup", (*REPLACE, "-e", "restore_action=side")),
        ("restore_backup", REPLACE),
        ("rehearse_restore", ("--limit", SYSTEM, "--check")),
    ):
        done = play(playbook, *options)

        assert done.returncode == 0, done.stdout
        assert store(server) == before, (playbook, options)


@pytest.mark.requirement("R-student_success-111", "R-student_success-131")
def test_a_bare_host_gets_everything_from_its_sets_alone(
    play: t.Any, runs: t.Any, server: t.Any
) -> None:
    before = state(server)
    query = (
        "SELECT rolname, rolpassword FROM pg_authid"
        " WHERE oid = (SELECT datdba FROM pg_database WHERE datname = current_database())"
    )
    owner, password = psql(server, query).split("|")
    folder = "/var/backups/upkeep/student_success"
    name = server.check_output(f"ls {folder} | tail -n 1")

    server.check_output(f"systemctl stop {UNIT}")
    for database in psql(server, DATABASES, "postgres").split():
        psql(server, f'DROP DATABASE \\"{database}\\" WITH (FORCE)', "postgres")
    psql(server, f"DROP ROLE {owner}", "postgres")
    server.check_output(f"rm -rf {MODELS}* {SQLITE}* {folder}/.records")
    server.check_output("userdel upkeep_restore")

    done = play("restore_backup", *REPLACE, "-e", f"restore_set={name}")

    assert done.returncode == 0, done.stdout

    seen = found(runs("restore-backup")[-1])

    assert f"roles made: {owner}" in seen["restore:database"]["message"]
    assert state(server) == before
    assert not server.service(UNIT).is_running, "somebody has stopped it"

    kept = password.replace("$", r"\$")  # from the shell
    psql(server, f"ALTER ROLE {owner} PASSWORD '{kept}'", "postgres")
    server.check_output(f"systemctl start {UNIT}")
    server.check_output(
        "timeout 60 sh -c 'until curl -fsS http://127.0.0.1:8001/health; do sleep 1; done'"
    )
