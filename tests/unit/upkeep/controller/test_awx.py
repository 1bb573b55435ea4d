# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data for AWX: what each object says, by the collection's own argument specs."""

from __future__ import annotations

import importlib.util
import sys
import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tools import awx_collection, yamlfiles
from upkeep import PROJECT
from upkeep.controller.awx import MODULES
from upkeep.controller.files import server_data
from upkeep.controller.jobs import _QUESTIONS, on_demand
from upkeep.schedule.load import load

DATA = server_data().awx
MODULE_FILES = awx_collection.COLLECTIONS / awx_collection.INSIDE / "plugins" / "modules"


class ReachedError(Exception):
    """The module has named its options."""


@pytest.fixture(scope="session")
def collection() -> Path:
    """Return the folder of the collection's modules; `make setup` fetches it."""
    if not MODULE_FILES.is_dir():
        pytest.skip("awx.awx is not here: python -m tools.awx_collection")

    return MODULE_FILES


def options_of(module: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """Return the argument spec that a module of the collection hands to its base class."""
    base = type(sys)("ansible_collections.awx.awx.plugins.module_utils.controller_api")
    seen: dict[str, t.Any] = {}

    class Module:
        def __init__(self, argument_spec: dict[str, t.Any], **_: t.Any) -> None:
            seen.update(argument_spec)
            raise ReachedError

    base.ControllerAPIModule = Module  # type: ignore[attr-defined]
    parts = base.__name__.split(".")
    for end in range(1, len(parts)):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), type(sys)(parts[end - 1]))
    monkeypatch.setitem(sys.modules, base.__name__, base)

    name = f"ansible_collections.awx.awx.plugins.modules.{module}"
    spec = importlib.util.spec_from_file_location(name, folder / f"{module}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    with pytest.raises(ReachedError):
        loaded.main()

    return seen


def refusals(spec: dict[str, t.Any], entry: dict[str, t.Any]) -> list[str]:
    # A text in the spec that the module would convert stays what it is.
    return list(ArgumentSpecValidator(spec).validate(entry).error_messages)


@pytest.mark.parametrize("variable", MODULES)
def test_every_object_fits_the_options_of_its_module(
    variable: str, collection: Path, monkeypatch: pytest.MonkeyPatch
):
    spec = options_of(MODULES[variable], collection, monkeypatch)

    assert DATA[variable]
    assert [line for entry in DATA[variable] for line in refusals(spec, entry)] == []


@pytest.mark.parametrize(
    ("variable", "wrong"),
    [
        ("controller_templates", {"projet": "Upkeep project"}),
        ("controller_templates", {"job_type": "sometimes"}),
        ("controller_schedules", {"rule": "x"}),
        ("controller_projects", {"scm_type": "cvs"}),
    ],
)
def test_the_specs_of_the_collection_bite(
    variable: str, wrong: dict[str, t.Any], collection: Path, monkeypatch: pytest.MonkeyPatch
):
    spec = options_of(MODULES[variable], collection, monkeypatch)

    assert refusals(spec, {**DATA[variable][0], **wrong})


def test_the_playbook_hands_on_every_field_of_the_data():
    [play] = yamlfiles.read(PROJECT / "controller" / "configure_awx.yml")
    handed = {}
    for task in play["tasks"]:
        [module] = [key for key in task if key.startswith("awx.awx.")]
        handed[module.removeprefix("awx.awx.")] = set(task[module])

    for variable, module in MODULES.items():
        fields = {field for entry in DATA[variable] for field in entry}
        assert fields <= handed[module], variable

    assert list(handed) == list(MODULES.values()), "in the order in which objects need each other"


def test_each_start_of_a_system_has_a_template_of_its_own_and_a_schedule():
    planned = load(datetime.now(UTC)).systems
    names = [f"Upkeep {slot.cadence} {name}" for name, slots in planned.items() for slot in slots]
    templates = {entry["name"]: entry for entry in DATA["controller_templates"]}
    schedules = {entry["unified_job_template"]: entry for entry in DATA["controller_schedules"]}

    assert sorted(schedules) == sorted(names)
    for name in names:
        _, cadence, system = name.split(" ")
        assert templates[name]["limit"] == system
        assert templates[name]["playbook"] == f"playbooks/{cadence}.yml"
        assert not templates[name]["survey_enabled"]


def test_a_run_that_waits_for_the_lock_has_the_time_to():
    weekly = next(e for e in DATA["controller_templates"] if e["name"] == "Upkeep weekly fairedge")
    hourly = next(e for e in DATA["controller_templates"] if e["name"] == "Upkeep hourly fairedge")

    assert weekly["extra_vars"] == {"lock_wait_minutes": 120}
    assert weekly["timeout"] == (120 + 60 + 5) * 60
    assert hourly["extra_vars"] == {}


def test_playbooks_on_demand_have_a_template_and_no_schedule():
    own = {Path(entry["playbook"]).stem for entry in DATA["controller_templates"]}
    there = {path.stem for path in (PROJECT / "playbooks").glob("*.yml")}

    assert own == there
    assert set(_QUESTIONS) <= set(on_demand())
    scheduled = {entry["unified_job_template"] for entry in DATA["controller_schedules"]}
    assert not {f"Upkeep {name}" for name in on_demand()} & scheduled


def test_every_question_is_a_variable_that_a_role_or_playbook_knows():
    texts = [
        path.read_text(encoding="utf-8")
        for pattern in ("roles/*/meta/argument_specs.yml", "playbooks/*.yml")
        for path in PROJECT.glob(pattern)
    ]
    for questions in on_demand().values():
        for question in questions:
            assert any(question.variable in text for text in texts), question.variable


def test_the_rendered_file_is_read_as_it_was_written():
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    path = PROJECT / "controller" / "rendered" / "awx.yml"

    assert yaml.load(path.read_text(), Loader) == DATA  # noqa: S506 - a safe loader
