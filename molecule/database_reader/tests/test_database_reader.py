# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role that reads, on a live host: no password, reads everything, changes nothing."""

from __future__ import annotations

import typing as t

Findings = list[dict[str, t.Any]]

AS_READER: t.Final = "cd / && runuser -u upkeep_read -- "


def query(host: t.Any, text: str, database: str = "hyperopt") -> t.Any:
    return host.run(f'{AS_READER}psql -AtXd {database} -c "{text}"')


def test_the_role_is_there(findings: Findings) -> None:
    assert [(item["check"], item["status"]) for item in findings] == [("reader:upkeep_read", "ok")]


def test_the_account_has_no_shell_and_no_password(host: t.Any) -> None:
    account = host.user("upkeep_read")

    assert account.shell == "/usr/sbin/nologin"
    assert account.uid < 1000
    assert account.password.startswith("!")
    assert not host.file(account.home).exists


def test_it_reads_and_cannot_write(host: t.Any) -> None:
    read = query(host, "SELECT count(*) FROM strategies")
    written = query(host, "DELETE FROM strategies")
    program = query(host, "COPY (SELECT 1) TO PROGRAM 'cat'")

    assert int(read.stdout) > 0
    assert "permission denied" in written.stderr
    assert program.rc != 0


def test_it_checks_the_storage(host: t.Any) -> None:
    tool = host.check_output("ls /usr/lib/postgresql/*/bin/pg_amcheck")
    checked = host.run(f"{AS_READER}{tool} --database=hyperopt --no-password")

    assert checked.rc == 0, checked.stderr


def test_a_second_run_changes_nothing(records: t.Any) -> None:
    changes = [len(record["changes"]) for record in records("converge")]

    assert changes[-1] == 0


def test_accepting_a_host_makes_it_and_looking_does_not(
    host: t.Any, play: t.Any, records: t.Any
) -> None:
    as_postgres = "cd / && runuser -u postgres -- psql -qXc"
    host.check_output(f"{as_postgres} 'DROP OWNED BY upkeep_read' hyperopt")
    host.check_output(f"{as_postgres} 'DROP ROLE upkeep_read'")
    host.check_output("userdel upkeep_read")

    looked = play("onboard_hosts")
    seen = {item["check"]: item for item in records("onboard-hosts")[-1]["findings"]}

    assert seen["reader:upkeep_read"]["status"] == "warning", looked.stdout
    assert not host.user("upkeep_read").exists

    accepted = play("onboard_hosts", "-e", "preflight_accept=true")
    seen = {item["check"]: item for item in records("onboard-hosts")[-1]["findings"]}

    assert seen["reader:upkeep_read"]["status"] == "ok", accepted.stdout
    assert int(query(host, "SELECT count(*) FROM strategies").stdout) > 0
