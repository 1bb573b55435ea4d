# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module as Ansible calls it.

What it does is tested with the files of a whole host in test_legacy.py.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from library import preflight_legacy_jobs


def call(capsys: pytest.CaptureFixture[str], **arguments: t.Any) -> dict[str, t.Any]:
    """Return what the module prints."""
    with patch_module_args(arguments), pytest.raises(SystemExit):
        preflight_legacy_jobs.main()
    result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
    return result


def test_a_host_without_old_jobs_stays_as_it_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    result = call(
        capsys, patterns=["/no/such/old/job"], state="removed", archive=str(tmp_path / "archive")
    )

    assert not result["changed"]
    assert (result["actions"], result["left"]) == ([], [])
    assert not (tmp_path / "archive").exists()


def test_a_pattern_that_is_no_expression_fails(capsys: pytest.CaptureFixture[str]) -> None:
    result = call(capsys, patterns=["("], state="adopted")
    assert result["failed"]
    assert "'('" in result["msg"]
