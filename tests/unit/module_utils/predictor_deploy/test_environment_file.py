# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No release serves without the variables that it needs."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.predictor_deploy import environment_file
from ansible.module_utils.upkeep.predictor_deploy.run import run
from ansible.module_utils.upkeep.predictor_deploy.settings import (
    DeployError,
    Settings,
    parse,
)

from tests.unit.module_utils.predictor_deploy.test_run import values
from tests.unit.module_utils.switching.conftest import Service, service

__all__ = ["service"]


@pytest.fixture
def settings(service: Service, tmp_path: Path) -> Settings:
    """Return the settings of a release that needs the variables A and B."""
    file = tmp_path / "shop.env"
    file.write_text("A=1\nB=2\n")
    made = parse({**values(service), "state": "built", "release": "1"})
    app = replace(made.app, environment_file=str(file), required_variables=("A", "B"))

    return replace(made, app=app)


def place(settings: Settings, more: str = "") -> Path:
    """Return the path of the environment file, or of the one beside it."""
    return Path(settings.app.environment_file + more)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("A=1\nB=2\n", ""),
        ("B=2\r\n  A=1  \n", ""),
        ("A='1'\nB=\"two words\"\n", ""),
        ("A=1\n", "B"),
        ("A=1\nB=\n", "B"),
        ('A=1\nB=""\n', "B"),
        ("A=1\n#B=2\n;B=2\n", "B"),
        ("A=1\nexport B=2\n", "B"),
        ("A=1\nb=2\n", "B"),
        ("", "A, B"),
    ],
)
def test_what_is_missing_is_named(settings: Settings, text: str, missing: str) -> None:
    place(settings).write_text(text)

    expected = f"{place(settings)} does not set {missing} (required_variables)" if missing else ""
    assert environment_file.problem(settings.app) == expected


def test_the_new_file_counts_where_there_is_one(settings: Settings) -> None:
    place(settings, ".new").write_text("A=1\n")

    assert "shop.env.new does not set B " in environment_file.problem(settings.app)


def test_a_file_that_is_not_there_is_a_problem(settings: Settings) -> None:
    place(settings).unlink()

    assert "shop.env cannot be read: " in environment_file.problem(settings.app)


def test_a_link_is_not_followed(settings: Settings, tmp_path: Path) -> None:
    place(settings).rename(tmp_path / "elsewhere")
    place(settings).symlink_to("elsewhere")

    assert "shop.env cannot be read: " in environment_file.problem(settings.app)


@pytest.mark.parametrize("state", ["built", "live"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_nothing_is_built_and_nothing_serves(
    settings: Settings, state: str, check_mode: bool
) -> None:
    place(settings).write_text("A=1\n")

    answer: dict[str, t.Any] = run(replace(settings, state=state), check_mode)

    assert answer["done"] is False
    assert answer["changed"] is False
    assert "does not set B" in answer["findings"][0]["message"]
    assert not Path(settings.app.root, "releases", "1").exists()


def test_variables_need_a_file_that_sets_them(service: Service) -> None:
    given = values(service)
    given["app"] = {**given["app"], "required_variables": ["A"]}

    with pytest.raises(DeployError, match=r"required_variables needs app\.environment_file"):
        parse(given)
