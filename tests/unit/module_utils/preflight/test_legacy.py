# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Old jobs: found where cron and logrotate would run them, shown without secrets, taken out of service without loss."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.preflight.legacy import (
    ADOPTED_SUFFIX,
    Scan,
    legacy_findings,
    redact,
    scan,
)
from ansible.module_utils.upkeep.preflight.run import PatternError, compile_patterns
from ansible.module_utils.upkeep.preflight.takeover import Taken, take

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE

PATTERNS = [re.compile(r"/opt/hyperopt/scripts/"), re.compile(r"/var/log/fairedge/")]
CRONTAB = (
    "MAILTO=root\n0 9 * * * root /opt/hyperopt/scripts/daily.sh\n5 5 * * * root /usr/bin/true\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the top of a small host with old jobs in every place."""
    files = {
        "etc/crontab": (CRONTAB, 0o644),
        "etc/cron.d/hyperopt": ("0 2 * * 0 hyperopt /opt/hyperopt/scripts/weekly.sh\n", 0o644),
        "etc/cron.d/hyperopt.dpkg-old": (
            "0 2 * * 0 hyperopt /opt/hyperopt/scripts/weekly.sh\n",
            0o644,
        ),
        "etc/cron.d/mixed": (
            "0 2 * * 0 root /opt/hyperopt/scripts/a.sh\n0 3 * * 0 root /usr/bin/true\n",
            0o644,
        ),
        "etc/cron.daily/check": ("#!/bin/sh\n# old\n/opt/hyperopt/scripts/check.sh\n", 0o755),
        "etc/cron.daily/not-executable": ("#!/bin/sh\n/opt/hyperopt/scripts/check.sh\n", 0o644),
        "etc/cron.daily/harmless": ("#!/bin/sh\n# /opt/hyperopt/scripts/check.sh\ntrue\n", 0o755),
        "var/spool/cron/crontabs/hyperopt": (
            "@daily /opt/hyperopt/scripts/daily.sh --password=hunter2\n",
            0o600,
        ),
        "etc/logrotate.d/fairedge": ("/var/log/fairedge/*.log {\n  weekly\n}\n", 0o644),
        "etc/logrotate.d/both": (
            "/var/log/fairedge/x.log {\n weekly\n}\n/var/log/other.log {\n weekly\n}\n",
            0o644,
        ),
        "etc/logrotate.d/upkeep-fairedge": (
            "# Managed by Ansible (Upkeep, role x)\n/var/log/fairedge/a.log {\n}\n",
            0o644,
        ),
    }

    for name, (text, mode) in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    return tmp_path


def found(root: Path) -> list[str]:
    return [str(Path(hit.place.path).relative_to(root)) for hit in scan(PATTERNS, root).hits]


def snapshot(root: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.stat().st_mode, path.read_text())
        for path in root.rglob("*")
        if path.is_file()
    }


def adopt(root: Path, check_mode: bool = False, way: t.Any = "adopted") -> Taken:
    return take(scan(PATTERNS, root).hits, way, root / "archive", check_mode)


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


def test_a_place_that_cannot_be_read_is_unknown() -> None:
    [finding] = legacy_findings(Scan(unreadable=["/var/spool/cron/crontabs/root"]))
    assert finding["status"] == "unknown"


def test_links_are_followed_for_reading_and_dead_ones_are_not_there(root: Path) -> None:
    script = root / "opt.sh"
    script.write_text("#!/bin/sh\n/opt/hyperopt/scripts/x.sh\n")
    script.chmod(0o755)
    (root / "etc/cron.daily/linked").symlink_to(script)
    (root / "etc/logrotate.d/dead").symlink_to(root / "nowhere")

    assert "etc/cron.daily/linked" in found(root)

    adopt(root)

    assert "etc/cron.daily/linked" not in found(root)
    assert script.exists()


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
    assert "hunter2" not in redact(text)
    assert "***" in redact(text)


def test_ordinary_commands_stay_readable() -> None:
    text = "cd /opt/x && ./run --all -v >> /var/log/x.log 2>&1"
    assert redact(text) == text


def test_check_mode_predicts_and_touches_nothing(root: Path) -> None:
    before = snapshot(root)
    predicted = adopt(root, check_mode=True)

    assert snapshot(root) == before

    done = adopt(root)

    assert (predicted.changed, predicted.actions, predicted.left, predicted.diff) == (
        done.changed,
        done.actions,
        done.left,
        done.diff,
    )
    assert "hunter2" not in json.dumps(done.diff)


def test_adoption_silences_old_jobs_and_nothing_else(root: Path) -> None:
    taken = adopt(root)

    assert taken.changed
    assert [entry["path"] for entry in taken.left] == [str(root / "etc/logrotate.d/both")]
    assert found(root) == ["etc/logrotate.d/both"]

    crontab = (root / "etc/crontab").read_text().split("\n")

    assert crontab[1] == "# upkeep-adopted: 0 9 * * * root /opt/hyperopt/scripts/daily.sh"
    assert [line for number, line in enumerate(crontab) if number != 1] == [
        line for number, line in enumerate(CRONTAB.split("\n")) if number != 1
    ]
    assert (root / "etc/cron.daily/check").with_name("check" + ADOPTED_SUFFIX).exists()
    assert stat.S_IMODE((root / "var/spool/cron/crontabs/hyperopt").stat().st_mode) == 0o600

    again = adopt(root)

    assert (again.changed, again.actions, again.diff) == (False, [], [])


def test_logrotate_and_run_parts_skip_what_was_adopted(root: Path) -> None:
    adopt(root)
    main = root / "logrotate.conf"
    main.write_text(f"include {root}/etc/logrotate.d\n")
    main.chmod(0o644)
    argv = [LOGROTATE, "-d", "-s", str(root / "status"), str(main)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stderr

    assert f"Ignoring fairedge{ADOPTED_SUFFIX}" in said

    run_parts = shutil.which("run-parts")

    assert run_parts is not None, "run-parts is part of debianutils"

    shown = subprocess.run(
        [run_parts, "--test", str(root / "etc/cron.daily")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout.split() == [str(root / "etc/cron.daily/harmless")]


def test_a_job_that_comes_back_does_not_overwrite_what_was_set_aside(root: Path) -> None:
    adopt(root)
    (root / "etc/cron.d/hyperopt").write_text("0 4 * * * root /opt/hyperopt/scripts/new.sh\n")
    adopt(root)
    set_aside = sorted((root / "etc/cron.d").glob("hyperopt*.disabled"))

    assert len(set_aside) == 2
    assert {"weekly.sh" in path.read_text() for path in set_aside} == {True, False}


def test_removal_keeps_originals_and_a_manifest(root: Path) -> None:
    before = {name: (root / name).read_text() for name in found(root)}
    predicted = adopt(root, check_mode=True, way="removed")
    taken = adopt(root, way="removed")

    assert [action["path"] for action in predicted.actions] == [
        action["path"] for action in taken.actions
    ]
    assert found(root) == ["etc/logrotate.d/both"]
    assert "daily.sh" not in (root / "etc/crontab").read_text()

    [folder] = (root / "archive").iterdir()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    manifest = json.loads((folder / "manifest.json").read_text())

    for entry in manifest:
        assert (folder / entry["copy"]).read_text() == before[
            str(Path(entry["path"]).relative_to(root))
        ]

    assert {entry["mode"] for entry in manifest} == {"0644", "0755", "0600"}
    assert not adopt(root, way="removed").changed


def test_a_linked_crontab_is_left_to_a_person(root: Path) -> None:
    real = root / "real-crontab"
    (root / "etc/crontab").rename(real)
    (root / "etc/crontab").symlink_to(real)
    assert str(root / "etc/crontab") in [entry["path"] for entry in adopt(root).left]
    assert real.read_text() == CRONTAB


@pytest.mark.parametrize("pattern", ["", "x*", "(", "^"])
def test_patterns_that_match_everything_or_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="legacy pattern"):
        compile_patterns([pattern])
