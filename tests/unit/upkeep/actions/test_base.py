# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What our action plugins make of a module's answer, which comes from a host."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tools import PROJECT
from upkeep.actions.base import (
    CONTROLLER_KEYS,
    ModuleAction,
    clean_json,
    without_controller_keys,
)
from upkeep.run.task_event import CONTROLLER_ACTIONS, RECORDING_ACTIONS

PLUGINS = sorted(PROJECT.glob("action_plugins/*.py"))


def action(path: Path) -> Any:
    """Return the class of an action plugin."""
    spec = importlib.util.spec_from_file_location(f"action_{path.stem}", path)

    assert spec
    assert spec.loader

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module.ActionModule


def test_the_callback_believes_exactly_the_actions_that_record() -> None:
    recording = {path.stem for path in PLUGINS if action(path).AREA}

    # These get the area from their task.
    assert recording | {"record_findings", "call_hooks"} == RECORDING_ACTIONS


def test_actions_without_a_module_cost_nothing_on_a_host() -> None:
    own = {path.stem for path in PLUGINS if not issubclass(action(path), ModuleAction)}

    assert own <= CONTROLLER_ACTIONS


@pytest.mark.parametrize("path", sorted(PROJECT.glob("library/*.py")), ids=lambda path: path.stem)
def test_every_module_has_an_action_that_looks_at_its_answer(path: Path) -> None:
    assert (PROJECT / "action_plugins" / path.name).is_file()


@pytest.mark.parametrize("key", CONTROLLER_KEYS)
def test_a_host_cannot_say_what_only_the_controller_may_say(key: str) -> None:
    answer = {"changed": False, key: {"forged": True}, "findings": []}

    assert without_controller_keys(answer) == {"changed": False, "findings": []}


def test_what_a_host_says_is_safe_to_show() -> None:
    answer = {
        "msg": "\x1b]0;x\x07",
        "module_stderr": "\x1b[2K",
        "warnings": ["\x1b[2K"] * 1000,
        "deprecations": [{"msg": 1}],
    }
    own = without_controller_keys(answer)

    assert "\x1b" not in own["msg"] + own["module_stderr"]
    assert len(own["warnings"]) == 20
    assert "\x1b" not in own["warnings"][0]


@pytest.mark.parametrize(
    "text",
    ["\x1b]0;x\x07", "\x1b[2K", "a\rb", "a\bb", "\x9b31m", "\x7f", "\f", "\\\x1b", "\\\\\x1b"],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_a_module_prints_is_cleaned_before_ansible_reads_it(
    text: str, ascii_only: bool
) -> None:
    answer = {"warnings": [text], "deep": {"list": [text]}}
    read = json.loads(clean_json(json.dumps(answer, ensure_ascii=ascii_only)))

    assert not set(json.dumps(read, ensure_ascii=False)) & set("\x1b\x07\r\b\x9b\x7f\f")
    assert "\\r" not in json.dumps(read)
    assert read["deep"]["list"] == read["warnings"]


@pytest.mark.parametrize("text", ["a\nb\tc", "C:\\u001b", "\\\\u001b \\b", "a\r\nb", "ä \u2192"])
def test_all_other_text_stays(text: str) -> None:
    assert json.loads(clean_json(json.dumps([text]))) == [text]


def test_cleaning_takes_time_in_proportion() -> None:
    begun = time.process_time()
    clean_json("\\" * 8_000_000)
    clean_json("\\u001b" * 1_000_000)

    assert time.process_time() - begun < 10
