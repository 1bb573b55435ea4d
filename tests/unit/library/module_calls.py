# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Call a module's main() as Ansible does, for tests."""

from __future__ import annotations

import json
import types
import typing as t
from collections.abc import Callable

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible.module_utils.upkeep.findings import validate_partial

Answer = dict[str, t.Any]
Call = Callable[..., Answer]


def caller(module: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs a module and returns its answer; its findings must be valid."""

    def run(**arguments: t.Any) -> Answer:
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()

        answer: Answer = json.loads(capsys.readouterr().out)
        for found in answer.get("findings", []):
            validate_partial(found)

        return answer

    return run


def by_check(answer: Answer) -> dict[str, dict[str, t.Any]]:
    """Return the findings of an answer by check."""
    return {found["check"]: found for found in answer["findings"]}
