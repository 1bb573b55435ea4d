# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a server has made of the files is told from its export, of any version."""

from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path

import pytest

from upkeep.__main__ import main
from upkeep.controller.drift import Difference, differences
from upkeep.controller.files import server_data
from upkeep.controller.settings import ControllerError

DATA = server_data()
ORGANIZATION = {"name": "Upkeep organization", "type": "organization"}


def keyed(name: str, kind: str) -> dict[str, t.Any]:
    return {"organization": ORGANIZATION, "name": name, "type": kind}


def awx_export() -> dict[str, t.Any]:
    """Return the files as `awx export` writes them: names as natural keys, variables as text."""
    templates = []
    for entry in copy.deepcopy(DATA.awx["controller_templates"]):
        related = {
            "credentials": [keyed(name, "credential") for name in entry.pop("credentials")],
            "notification_templates_error": [
                keyed(name, "notification_template")
                for name in entry.pop("notification_templates_error")
            ],
        }
        if "survey_spec" in entry:
            related["survey_spec"] = entry.pop("survey_spec")
        templates.append(
            {
                **entry,
                "description": "",
                "project": keyed(entry["project"], "project"),
                "inventory": keyed(entry["inventory"], "inventory"),
                "organization": ORGANIZATION,
                "execution_environment": {
                    "name": entry["execution_environment"],
                    "type": "execution_environment",
                },
                "extra_vars": json.dumps(entry["extra_vars"]) if "extra_vars" in entry else "",
                "natural_key": keyed(entry["name"], "job_template"),
                "related": related,
            }
        )
    schedules = [
        {
            **entry,
            "organization": ORGANIZATION,
            "rrule": entry["rrule"].replace(" RRULE", "\nRRULE"),
            "unified_job_template": keyed(entry["unified_job_template"], "job_template"),
        }
        for entry in DATA.awx["controller_schedules"]
    ]

    return {"organizations": [{"name": "Upkeep organization"}], "job_templates": templates} | {
        "schedules": schedules
    }


def found(export: t.Any) -> list[Difference]:
    return differences(export, DATA.awx, DATA.semaphore, DATA.prefix)


def test_an_awx_that_has_what_the_files_say_differs_in_nothing():
    assert found(awx_export()) == []


def test_a_semaphore_that_has_what_the_files_say_differs_in_nothing():
    assert found(copy.deepcopy(DATA.semaphore)) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("limit", "all", 'limit is "all" on the server, "fairedge" here'),
        ("extra_vars", "{}", "extra_vars is {} on the server"),
        ("allow_simultaneous", True, "allow_simultaneous is true on the server, false here"),
        ("playbook", "playbooks/x.yml", "playbook is"),
    ],
)
def test_a_changed_field_of_awx_is_named(field: str, value: t.Any, words: str):
    export = awx_export()
    weekly = next(e for e in export["job_templates"] if e["name"] == "Upkeep weekly fairedge")
    weekly[field] = value

    [difference] = found(export)
    assert "job_templates 'Upkeep weekly fairedge'" in difference.sentence()
    assert words in difference.sentence()


def test_what_is_missing_and_what_is_extra_is_named():
    export = awx_export()
    export["schedules"].pop(0)
    export["job_templates"].append({"name": "Upkeep weekly shop"})
    export["job_templates"].append({"name": "Deploy"})

    assert [difference.sentence() for difference in found(export)] == [
        "job_templates 'Upkeep weekly shop' is extra",
        "schedules 'Upkeep quarter_hourly fairedge start' is missing on the server",
    ]


def test_a_schedule_that_was_switched_off_or_moved_is_named():
    export = awx_export()
    export["schedules"][0]["enabled"] = False
    export["schedules"][1]["rrule"] = "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1"

    assert {difference.field for difference in found(export)} == {"enabled", "rrule"}


def test_questions_that_were_changed_are_named():
    export = awx_export()
    survey = next(e for e in export["job_templates"] if "survey_spec" in e["related"])
    survey["related"]["survey_spec"] = {"name": "", "description": "", "spec": []}

    assert [difference.field for difference in found(export)] == ["survey_spec"]


def test_schedules_within_their_templates_are_seen():
    """Some versions write them there."""
    export = awx_export()
    schedules = export.pop("schedules")
    for template in export["job_templates"]:
        own = [e for e in schedules if e["unified_job_template"]["name"] == template["name"]]
        template["related"]["schedules"] = own

    assert found(export) == []


def test_an_export_of_an_old_semaphore_says_what_it_lacks():
    """Before 2.11: no schedules, one environment a template, null for an empty list."""
    export = copy.deepcopy(DATA.semaphore)
    del export["schedules"]
    for template in export["templates"]:
        del template["environments"], template["task_params"]
        template |= {"vaults": None, "roles": None, "type": None}

    [difference] = found(export)
    assert difference.kind == "schedules"


def test_a_changed_cron_of_semaphore_is_named():
    export = copy.deepcopy(DATA.semaphore)
    export["schedules"][0]["cron_format"] = "0 0 * * *"

    [difference] = found(export)
    assert 'cron_format is "0 0 * * *" on the server' in difference.sentence()


@pytest.mark.parametrize(
    "export",
    [None, [], {}, {"job_templates": None}, "x", {"meta": []}, {"job_templates": [1]}],
)
def test_what_is_no_export_is_named(export: t.Any):
    with pytest.raises(ControllerError):
        found(export)


def test_the_verb_ends_with_1_when_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "export.json"
    path.write_text("\ufeff" + json.dumps(awx_export()), encoding="utf-8")

    assert main(["controller", "diff", str(path)]) == 0
    assert capsys.readouterr().out == "nothing differs\n"

    path.write_text(json.dumps({**awx_export(), "schedules": []}))

    assert main(["controller", "diff", str(path), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)) == 38


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "- a"])
def test_a_damaged_export_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
):
    path = tmp_path / "export.json"
    path.write_text(text)

    assert main(["controller", "diff", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_render_writes_what_is_shipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["controller", "render", "--output", str(tmp_path / "out")]) == 0
    assert "note: Upkeep monthly racing" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "awx.yml",
        "semaphore.json",
    ]

    assert main(["controller", "render", "--output", str(tmp_path / "out")]) == 0
    assert "awx.yml" not in capsys.readouterr().out


def test_settings_that_do_not_fit_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "settings.yml"
    path.write_text("git_url: 'https://x/{{ y }}'\nimage: i\ninventory: inv.yml\nprefx: U\n")

    assert main(["controller", "--settings", str(path), "render"]) == 2
    said = capsys.readouterr().err
    assert "'prefx' is not a known name; did you mean 'prefix'" in said
    assert "git_url is" in said
