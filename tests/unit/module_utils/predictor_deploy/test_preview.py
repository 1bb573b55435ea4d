# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check mode shows which files and settings would be others, without a secret of either release."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.predictor_deploy import preview
from ansible.module_utils.upkeep.predictor_deploy.run import run
from ansible.module_utils.upkeep.predictor_deploy.settings import Settings, parse
from ansible.module_utils.upkeep.rollback.run import run as go_back
from ansible.module_utils.upkeep.rollback.settings import parse as parse_rollback

from tests.unit.module_utils.predictor_deploy.test_run import deploy, values
from tests.unit.module_utils.switching.conftest import UNIT, Service, service

__all__ = ["deploy", "service"]


def told(text: str, runs: bool = False) -> str:
    """Return a checksum as predictor_deploy_source returns it."""
    return f"{'x' if runs else '-'}{hashlib.sha256(text.encode()).hexdigest()}"


def planned(
    service: Service, files: dict[str, str], environment: dict[str, str] | None = None
) -> Settings:
    """Return the settings of a release that is not on the host."""
    given = values(service, state="live", release="9", commit="c" * 40, files=files)
    given["app"]["environment"] = environment or {}

    return parse(given)


def shown(settings: Settings) -> dict[str, t.Any]:
    """Return what check mode answers."""
    return run(settings, check_mode=True)


def test_files_are_compared_with_the_release_that_serves(service: Service, deploy: t.Any) -> None:
    deploy("1")
    files = {"app.json": told("another"), "new.py": told(""), "x.pyc": told("")}

    answer = shown(planned(service, files))

    assert answer["files"] == {
        "changed": ["app.json"],
        "added": ["new.py"],
        "removed": [],
        "same": 0,
    }
    assert (
        "Files: 1 changed, 1 added, 0 removed, 0 the same (app.json changed, new.py added)."
    ) in answer["findings"][0]["message"]
    assert "  app.json (old)\n" in answer["diff"]["before"]
    assert "  app.json (new)\n  new.py\n" in answer["diff"]["after"]


def test_before_the_first_release_they_are_compared_with_what_runs(service: Service) -> None:
    text = (service.folder / "before" / "app.json").read_text()
    (service.folder / "before" / "by_hand.py").write_text("")

    answer = shown(planned(service, {"app.json": told(text)}))

    assert answer["files"] == {"changed": [], "added": [], "removed": ["by_hand.py"], "same": 1}


def test_only_the_folder_that_units_start_in_is_compared(service: Service) -> None:
    settings = planned(service, {"deep/app.json": told(""), "README": told("")})
    app = replace(settings.app, folder="deep")

    assert preview._given(app, settings.files) == {"app.json": told("")}


def test_what_ran_before_may_be_of_several_places(service: Service, tmp_path: Path) -> None:
    for name in ("app/a.py", "src/b.py", "run.sh"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    found = tuple(str(tmp_path / name) for name in ("app", "src/", "run.sh"))
    files = {name: told(text) for name, text in (("a.py", "app/a.py"), ("src/b.py", "other"))}
    settings = planned(service, files)

    answer = shown(replace(settings, app=replace(settings.app, found=found)))

    assert answer["files"] == {
        "changed": ["src/b.py"],
        "added": [],
        "removed": ["run.sh"],
        "same": 1,
    }


@pytest.mark.parametrize(
    ("found", "reason"),
    [((), "is not named (found)."), (("/none/app",), "No such file or directory")],
)
def test_what_cannot_be_compared_is_said(
    service: Service, found: tuple[str, ...], reason: str
) -> None:
    settings = planned(service, {"app.json": told("")})

    answer = shown(replace(settings, app=replace(settings.app, found=found)))

    assert "Files are not compared: " in answer["findings"][0]["message"]
    assert reason in answer["findings"][0]["message"]
    assert answer["done"] is True


def test_settings_of_units_are_shown_without_secrets(service: Service, deploy: t.Any) -> None:
    deploy("1")
    unit = service.folder / "shop/releases/1/units" / f"{UNIT}.conf"
    start = unit.read_text()
    unit.write_text(f'{start}Environment="API_KEY=oldoldold1"\nEnvironment="LOG_LEVEL=INFO"\n')

    diff = shown(planned(service, {}, {"API_KEY": "newnewnew1", "LOG_LEVEL": "DEBUG"}))["diff"]

    assert "LOG_LEVEL=INFO" in diff["before"]
    assert "LOG_LEVEL=DEBUG" in diff["after"]
    assert 'Environment="API_KEY=(secret, old)\n' in diff["before"]
    assert 'Environment="API_KEY=(secret, new)\n' in diff["after"]
    assert "oldoldold1" not in str(diff)
    assert "newnewnew1" not in str(diff)

    unit.write_text(start)
    same = shown(planned(service, {}))["diff"]

    assert same["before"].count("\n") == 1
    assert same["after"].count("\n") == 1


def test_of_an_environment_file_no_value_is_shown(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "shop.env"
    file.write_text("A=secret-a\nB=secret-b\n# C=x\n")
    (tmp_path / "shop.env.new").write_text("A=secret-a\nB=other-b\nD=secret-d\n")
    settings = planned(service, {})

    diff = shown(replace(settings, app=replace(settings.app, environment_file=str(file))))["diff"]

    assert diff["after"].endswith(f"{file}:\nA=(a value)\nB=(another value)\nD=(a value)\n")
    assert "secret-" not in str(diff)


def test_a_way_back_shows_its_files(service: Service, deploy: t.Any) -> None:
    deploy("1")
    deploy("2")

    def back(release: str) -> dict[str, t.Any]:
        options = {"app": values(service)["app"], "release": release}
        return go_back(parse_rollback(options), check_mode=True)

    for release in ("1", "0"):
        answer = back(release)

        assert answer["files"] == {"changed": ["app.json"], "added": [], "removed": [], "same": 0}
        assert "Files: 1 changed" in answer["findings"][0]["message"]
        assert "app.json (new)" in answer["diff"]["after"]


def test_so_many_files_are_named_and_the_rest_is_counted() -> None:
    changes = preview.compared({}, {f"{number:03}.py": "-" for number in range(300)})

    before, after = changes.texts()

    assert before == ""
    assert after.endswith("  199.py\n  and 100 more\n")
    assert len(changes.sentence) < 400
