# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Old jobs: found where cron and logrotate would run them, whatever else lies there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.preflight.findings import legacy_findings
from ansible.module_utils.upkeep.preflight.legacy import MAX_BYTES, LegacyScan, scan

from tests.unit.module_utils.preflight.job_files import PATTERNS, found, make, take_over

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path)


def test_jobs_are_found_where_they_would_run(root: Path) -> None:
    assert found(root) == [
        "etc/cron.d/hyperopt",
        "etc/cron.d/mixed",
        "etc/cron.daily/check",
        "etc/crontab",
        "etc/logrotate.d/both",
        "etc/logrotate.d/fairedge",
        "var/spool/cron/crontabs/hyperopt",
    ]


def test_findings_name_the_place_and_hide_the_password(root: Path) -> None:
    findings = legacy_findings(scan(PATTERNS, root))

    assert [finding["status"] for finding in findings] == ["warning"] * 7 + ["ok"]
    spool = next(finding for finding in findings if finding["check"].endswith("crontabs/hyperopt"))
    assert "scripts/daily.sh" in spool["message"]
    assert "hunter2" not in json.dumps(findings)


def test_a_scan_survives_the_way_between_two_processes(root: Path) -> None:
    name = os.fsdecode(b"odd-\xff")
    (root / "var/spool/cron/crontabs" / name).write_bytes(b"@daily /opt/hyperopt/scripts/\xfe.sh\n")
    original = scan(PATTERNS, root)

    copied = LegacyScan.of_json(json.loads(json.dumps(original.as_json())))

    assert copied == original


def test_roots_links_are_followed_for_reading_and_dead_ones_are_not_there(root: Path) -> None:
    script = root / "opt.sh"
    script.write_text("#!/bin/sh\n/opt/hyperopt/scripts/x.sh\n")
    script.chmod(0o755)
    (root / "etc/cron.daily/linked").symlink_to(script)
    (root / "etc/logrotate.d/dead").symlink_to(root / "nowhere")

    assert "etc/cron.daily/linked" in found(root)

    take_over(root)

    assert "etc/cron.daily/linked" not in found(root)
    assert script.exists()


@as_root
def test_a_link_of_a_user_is_not_followed(root: Path) -> None:
    secret = root / "secret"
    secret.write_text("@daily /opt/hyperopt/scripts/secret.sh\n")
    link = root / "var/spool/cron/crontabs/nobody"
    link.symlink_to(secret)
    os.chown(link, 65534, 65534, follow_symlinks=False)

    result = scan(PATTERNS, root)

    assert result.unreadable == [str(link)]
    assert "secret.sh" not in json.dumps(result.as_json())


def test_what_is_not_a_file_is_no_job(root: Path) -> None:
    os.mkfifo(root / "var/spool/cron/crontabs/fifo")
    (root / "etc/logrotate.d/folder").mkdir()
    before = found(root)

    assert scan(PATTERNS, root).unreadable == []
    assert found(root) == before


def test_a_large_crontab_is_read_in_part_and_left_to_a_person(root: Path) -> None:
    path = root / "var/spool/cron/crontabs/hyperopt"
    path.write_text(path.read_text() + "# x\n" * (MAX_BYTES // 4))
    before = path.read_bytes()

    taken = take_over(root)

    assert {"path": str(path), "reason": "it is larger than 1 MiB; change it by hand"} in taken.left
    assert path.read_bytes() == before


def test_only_the_beginning_of_a_long_line_is_searched(root: Path) -> None:
    path = root / "var/spool/cron/crontabs/hyperopt"
    path.write_text(f"@daily {'a' * 100_000} /opt/hyperopt/scripts/x.sh\n")

    assert "var/spool/cron/crontabs/hyperopt" not in found(root)
