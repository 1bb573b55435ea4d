# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every module of library/ is documented as it behaves, and has unit tests."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase

from tools import PROJECT

MODULES = sorted(
    path.stem for path in PROJECT.glob("library/*.py") if not path.stem.startswith("_")
)


class ReachedError(Exception):
    """The code under test handed its argument spec over; carries the keyword arguments."""


def stop(*_: Any, **arguments: Any) -> None:
    """Stand in for what takes an argument spec."""
    raise ReachedError(arguments)


@pytest.fixture(scope="module")
def documentation(ansible: Callable[..., subprocess.CompletedProcess[str]]) -> dict[str, Any]:
    """Return what ansible-doc shows of our modules: name -> doc, examples, return."""
    result = ansible(
        "ansible-doc", "--type", "module", "--module-path", "library", "--json", *MODULES
    )

    assert result.returncode == 0, result.stderr

    shown: dict[str, Any] = json.loads(result.stdout)

    return shown


def load(folder: str, name: str) -> ModuleType:
    """Return a module or plugin of the project, loaded from its file."""
    spec = importlib.util.spec_from_file_location(
        f"{folder}_{name}", PROJECT / folder / f"{name}.py"
    )

    assert spec
    assert spec.loader

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module


def is_action(name: str) -> bool:
    """Tell whether library/ holds only the documentation and an action plugin does the work."""
    return not hasattr(load("library", name), "AnsibleModule")


def real_arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the keyword arguments by which a module or action plugin declares its options."""
    if is_action(name):
        plugin = load("action_plugins", name).ActionModule
        monkeypatch.setattr(ActionBase, "run", lambda *_, **__: {})
        monkeypatch.setattr(ActionBase, "validate_argument_spec", stop)
        action = object.__new__(plugin)
        action._task = SimpleNamespace(args={}, loop=None, loop_with=None, run_once=False)
        call = action.run

        assert plugin._supports_check_mode
    else:
        module = load("library", name)
        monkeypatch.setattr(module, "AnsibleModule", stop)
        call = module.main

    with pytest.raises(ReachedError) as reached:
        call()

    arguments: dict[str, Any] = reached.value.args[0]

    assert is_action(name) or arguments.get("supports_check_mode") is True

    return arguments


def described(options: dict[str, Any]) -> list[str]:
    """Return the names of the options, of inner ones too, that have no description."""
    return [
        name
        for key, option in options.items()
        for name in ([] if option.get("description") else [key])
        + described(option.get("suboptions") or {})
    ]


def test_there_are_modules() -> None:
    assert MODULES


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_module_is_documented(documentation: dict[str, Any], name: str) -> None:
    shown = documentation[name]
    assert shown["doc"]["short_description"]
    assert described(shown["doc"].get("options") or {}) == []
    assert f"{name}:" in (shown["examples"] or ""), "EXAMPLES must call the module"
    assert shown["return"], "RETURN is empty"


def facts(options: dict[str, Any], inner: str, place: str = "") -> dict[str, dict[str, Any]]:
    """Return what counts of options at every depth, by place; ``inner`` is the key of nesting."""
    found: dict[str, dict[str, Any]] = {}
    for name, option in options.items():
        kind, default = option.get("type", "str"), option.get("default")
        found[f"{place}{name}"] = {
            "type": kind,
            "elements": option.get("elements"),
            "required": bool(option.get("required")),
            "default": str(default) if kind in ("path", "raw") and default is not None else default,
            "choices": sorted(map(str, option.get("choices") or [])),
        }
        found |= facts(option.get(inner) or {}, inner, f"{place}{name}.")

    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_documented_options_are_the_real_ones(
    documentation: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = real_arguments(name, monkeypatch)
    shown = documentation[name]["doc"].get("options") or {}

    real = facts(arguments["argument_spec"], "options")
    # A list whose entries the spec leaves open is documented further than the spec goes.
    closed = {place.rpartition(".")[0] for place in real}
    written = {
        place: fact
        for place, fact in facts(shown, "suboptions").items()
        if place.rpartition(".")[0] in closed
    }

    assert written == real


@pytest.mark.parametrize("name", [name for name in MODULES if not is_action(name)])
def test_module_has_unit_tests(name: str) -> None:
    assert (PROJECT / "tests" / "unit" / "library" / f"test_{name}.py").is_file()


@pytest.mark.parametrize("name", [name for name in MODULES if is_action(name)])
def test_action_plugin_is_tested_within_a_playbook(name: str) -> None:
    """An action plugin depends on Ansible, so a playbook proves more than a stand-in."""
    task = re.compile(rf"^\s+(?:- )?{name}:", re.MULTILINE)
    callers = [
        path.parents[1].name
        for path in PROJECT.glob("roles/*/tasks/*.yml")
        if task.search(path.read_text())
    ]
    called = re.compile(rf"\b({'|'.join([name, *callers])})\b")
    tests = [
        path
        for path in PROJECT.glob("tests/contract/playbooks/*.yml")
        if called.search(path.read_text())
    ]
    scenarios = [role for role in callers if list(PROJECT.glob(f"molecule/{role}/tests/test_*.py"))]

    assert tests or scenarios
