# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A training is bounded, leaves what serves alone, and hands over only what it made now."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_update import settings
from ansible.module_utils.upkeep.model_update.training import unit_command

from tests.unit.module_utils.model_update.conftest import Shop, message, statuses

#: Runs what stands behind the options, as systemd-run does, without its limits.
STAND_IN: t.Final = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'


@pytest.fixture(autouse=True)
def systemd_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for systemd-run first; the scenario has the real one."""
    program = tmp_path / "systemd-run"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def trained(shop: Shop, script: str, *, check: bool = False) -> dict[str, t.Any]:
    """Return the answer after a training by a script in the system's folder."""
    command = ["/bin/sh", "-c", f"cd {shop.home} && {script}"]

    return shop.call("trained", check=check, training={"command": command, "output": "new/m"})


def test_a_candidate_is_handed_over_to_root_alone(shop: Shop) -> None:
    answer = trained(shop, "mkdir new && echo model > new/m && echo '{}' > new/figures.json")

    assert answer["done"], answer["findings"]
    assert statuses(answer) == {"training": "ok"}
    path = Path(answer["candidate"]["path"])
    assert path.read_text() == "model\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert shop.answer() == "old"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo no memory >&2; exit 3", "ended with 3: no memory"),
        ("true", "left no new file"),
        ("echo x > app.json", "changed '"),
        ("mkdir new && ln -s /etc/passwd new/m", "cannot be read"),
        ("mkdir new && mkfifo new/m", "cannot be read"),
        ("mkdir new && echo m > new/m", "cannot be read"),
    ],
)
def test_a_training_that_goes_wrong_gives_no_candidate(
    shop: Shop, script: str, reason: str
) -> None:
    answer = trained(shop, script)

    assert not answer["done"]
    assert reason in message(answer)
    assert answer["candidate"] == {}


@pytest.mark.parametrize("script", ["echo x > app.json", "rm app.json", "echo x > app.json; false"])
def test_what_a_training_did_to_the_serving_file_is_undone(shop: Shop, script: str) -> None:
    old = shop.files()

    answer = trained(shop, script)

    assert "its file is what it was again" in message(answer)
    assert "Nothing that serves" not in message(answer)
    assert shop.files() == old


def test_what_cannot_be_put_back_is_not_claimed(shop: Shop) -> None:
    answer = trained(shop, "rm app.json && mkdir app.json")

    assert "cannot be put back" in message(answer)
    assert "Nothing that serves" not in message(answer)
    kept = message(answer).split("kept as '")[1].split("'")[0]
    assert Path(kept).is_file()


def test_what_an_earlier_training_left_does_not_count(shop: Shop) -> None:
    trained(shop, "mkdir new && echo model > new/m && echo '{}' > new/figures.json")

    assert "left no new file" in message(trained(shop, "true"))


def test_check_mode_trains_nothing(shop: Shop) -> None:
    answer = trained(shop, "mkdir new", check=True)

    assert answer["changed"]
    assert not (shop.home / "new").exists()


def test_the_unit_has_limits_and_cannot_write_what_serves(shop: Shop) -> None:
    options = shop.options(training={"command": ["train"], "output": "new/m", "seconds": 60})
    model = settings.parse({"models": [options]}).model
    assert model.training

    command = unit_command(model, model.training)

    assert f"--property=ReadOnlyPaths={shop.model}" in command
    assert "--property=MemoryMax=2048M" in command
    assert "--property=RuntimeMaxSec=60" in command
    assert command[-2:] == ["--", "train"]
