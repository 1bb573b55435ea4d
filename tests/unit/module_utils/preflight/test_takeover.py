# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Old jobs are taken out of service without loss, and nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.preflight.findings import legacy_findings
from ansible.module_utils.upkeep.preflight.legacy import ADOPTED_SUFFIX, scan
from ansible.module_utils.upkeep.preflight.takeover import take

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE
from tests.unit.module_utils.preflight.job_files import CRONTAB, PATTERNS, found, make, take_over


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path)


def snapshot(root: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.stat().st_mode, path.read_text())
        for path in root.rglob("*")
        if path.is_file()
    }


def test_check_mode_predicts_and_touches_nothing(root: Path) -> None:
    before = snapshot(root)
    predicted = take_over(root, check_mode=True)

    assert snapshot(root) == before

    done = take_over(root)

    assert predicted == done
    assert "hunter2" not in json.dumps(done.diff)


def test_adoption_silences_old_jobs_and_nothing_else(root: Path) -> None:
    taken = take_over(root)

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

    again = take_over(root)

    assert not again.changed
    assert again.actions == []
    assert again.diff == []


def test_logrotate_and_run_parts_skip_what_was_adopted(root: Path) -> None:
    take_over(root)
    main = root / "logrotate.conf"
    main.write_text(f"include {root}/etc/logrotate.d\n")
    main.chmod(0o644)
    argv = [LOGROTATE, "-d", "-s", str(root / "status"), str(main)]
    output = subprocess.run(argv, capture_output=True, text=True, check=False).stderr

    assert f"Ignoring fairedge{ADOPTED_SUFFIX}" in output

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
    take_over(root)
    (root / "etc/cron.d/hyperopt").write_text("0 4 * * * root /opt/hyperopt/scripts/new.sh\n")
    take_over(root)
    set_aside = sorted((root / "etc/cron.d").glob("hyperopt*.disabled"))

    assert len(set_aside) == 2
    assert {"weekly.sh" in path.read_text() for path in set_aside} == {True, False}


def test_removal_keeps_originals_and_a_manifest(root: Path) -> None:
    before = {name: (root / name).read_text() for name in found(root)}
    predicted = take_over(root, "removed", check_mode=True)
    taken = take_over(root, "removed")

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
    assert not take_over(root, "removed").changed


def test_a_linked_crontab_is_left_to_a_person(root: Path) -> None:
    real = root / "real-crontab"
    (root / "etc/crontab").rename(real)
    (root / "etc/crontab").symlink_to(real)
    assert str(root / "etc/crontab") in [entry["path"] for entry in take_over(root).left]
    assert real.read_text() == CRONTAB


def test_a_crontab_that_changed_since_it_was_read_is_left_alone(root: Path) -> None:
    path = root / "var/spool/cron/crontabs/hyperopt"
    jobs = [jobs for jobs in scan(PATTERNS, root).found if jobs.file.path == str(path)]
    path.write_text("@daily /usr/bin/new-job\n")

    with pytest.raises(OSError, match="changed since it was read"):
        take(jobs, "adopted", root / "archive", check_mode=False)

    assert path.read_text() == "@daily /usr/bin/new-job\n"


def test_a_crontab_keeps_its_owner_and_its_odd_bytes(root: Path) -> None:
    path = root / "var/spool/cron/crontabs/hyperopt"
    path.write_bytes(b"# \xff\xfe\n" + path.read_bytes())

    take_over(root)

    assert path.read_bytes().startswith(b"# \xff\xfe\n# upkeep-adopted: @daily")


@pytest.mark.parametrize(
    "text",
    [
        "/var/log/fairedge/*.log /var/log/other/b.log { weekly }\n",
        "/var/log/fairedge/a.log\n/var/log/other/b.log\n{\n weekly\n}\n",
        "/var/log/fairedge/a.log { weekly } /var/log/other/b.log { weekly }\n",
        "/var/log/fairedge/../other/b.log { weekly }\n/var/log/fairedge/a.log { weekly }\n",
        "/var/log/fairedge/a.log { weekly }\ninclude /etc/other.d\n",
    ],
)
@pytest.mark.parametrize("treatment", ["adopted", "removed"])
def test_a_logrotate_file_that_rotates_other_logs_too_is_left_to_a_person(
    root: Path, text: str, treatment: str
) -> None:
    """With the file the rotation of those logs would go, unnoticed until the disk is full."""
    shared = root / "etc/logrotate.d/shared"
    shared.write_text(text)

    taken = take_over(root, treatment)

    assert str(shared) in [entry["path"] for entry in taken.left]
    assert shared.read_text() == text


def test_a_link_to_an_old_script_is_found_by_where_it_leads(root: Path) -> None:
    script = root / "opt/hyperopt/scripts/report.sh"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\necho report\n")
    script.chmod(0o755)
    (root / "etc/cron.daily/report").symlink_to(script)
    (root / "opt/hyperopt/scripts/crontab").write_text("0 1 * * * root true\n")
    (root / "etc/cron.d/report").symlink_to(root / "opt/hyperopt/scripts/crontab")

    assert {"etc/cron.daily/report", "etc/cron.d/report"} <= set(found(root))


def test_a_file_with_an_odd_name_is_taken_over_and_reported_as_text(root: Path) -> None:
    name = os.fsdecode(b"odd-\xff\n\x1b[2J")
    odd = root / "etc/logrotate.d" / name
    odd.write_text("/var/log/fairedge/x.log {\n weekly\n}\n")

    findings = legacy_findings(scan(PATTERNS, root))
    taken = take_over(root, "removed")

    assert not odd.exists()
    for text in (json.dumps(findings, ensure_ascii=False), repr(taken)):
        text.encode("utf-8")
        assert "\x1b" not in text
