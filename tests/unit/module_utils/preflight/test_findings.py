# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What preflight reports of old jobs and of the acceptance of a host."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible.module_utils.upkeep import acceptance
from ansible.module_utils.upkeep.preflight.findings import (
    acceptance_finding,
    legacy_findings,
    printable,
)
from ansible.module_utils.upkeep.preflight.legacy import LegacyScan


def test_a_new_host_is_critical_and_says_how_to_accept_it(tmp_path: Path) -> None:
    mark = tmp_path / "accepted.json"

    fresh = acceptance_finding(mark, "app1", required=True)

    assert fresh["status"] == "critical"
    assert "--limit app1 -e preflight_accept=true" in fresh["message"]
    assert acceptance_finding(mark, "app1", required=False)["status"] == "ok"


def test_an_accepted_host_is_ok_and_says_by_whom(tmp_path: Path) -> None:
    mark = tmp_path / "accepted.json"
    acceptance.write(mark, "ada", "r1")

    accepted = acceptance_finding(mark, "app1", required=True)

    assert accepted["status"] == "ok"
    assert "Accepted by ada" in accepted["message"]


@pytest.mark.parametrize(("required", "status"), [(True, "critical"), (False, "info")])
def test_a_damaged_mark_is_named(tmp_path: Path, required: bool, status: str) -> None:
    mark = tmp_path / "accepted.json"
    mark.write_text("{")

    found = acceptance_finding(mark, "app1", required=required)

    assert found["status"] == status
    assert str(mark) in found["message"]


def test_a_file_that_cannot_be_read_is_unknown() -> None:
    [found] = legacy_findings(LegacyScan(unreadable=["/var/spool/cron/crontabs/root"]))

    assert found["status"] == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        "curl -u admin:hunter2 https://example.org/",
        "psql postgresql://app:hunter2@192.0.2.7/db",
        "PGPASSWORD=hunter2 pg_dump db",
        "mysqldump -phunter2 db",
        "run --api-key hunter2",
        "curl -H 'Authorization: Bearer hunter2' https://example.org/",
        "export REDIS_TOKEN=hunter2; x",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    assert "hunter2" not in printable(text)
    assert "***" in printable(text)


def test_ordinary_commands_stay_readable() -> None:
    text = "cd /opt/x && ./run --all -v >> /var/log/x.log 2>&1"

    assert printable(text) == text


def test_control_characters_and_odd_bytes_are_written_as_escapes() -> None:
    shown = printable("a\x1b[2Jb\u202ec\udcff")

    assert shown.isprintable()
    shown.encode()


def test_a_long_line_is_cut_before_anything_else() -> None:
    began = time.process_time()

    assert len(printable("password" * 1_000_000)) == 200
    assert time.process_time() - began < 5
