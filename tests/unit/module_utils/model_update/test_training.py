# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A training is bounded, leaves what serves alone, and hands over only what it made now."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.model_update import settings
from ansible.module_utils.upkeep.model_update.run import run
from ansible.module_utils.upkeep.model_update.training import TrainingUnits

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


def trained(
    shop: Shop, script: str, *, test: str = "", check: bool = False, **more: t.Any
) -> dict[str, t.Any]:
    """Return the answer after a training, and its test, by scripts in the system's folder."""
    training = {"name": "fast", "command": in_home(shop, script), "output": "new/m"}
    if test:
        training["test"] = in_home(shop, test)

    return shop.call("trained", check=check, trainings=[training], **more)


def in_home(shop: Shop, script: str) -> list[str]:
    return ["/bin/sh", "-c", f"cd {shop.home} && {script}"]


#: Makes what a training must leave.
MAKE: t.Final = "mkdir -p new && echo model > new/m && echo '{}' > new/figures.json"


def test_a_candidate_is_handed_over_to_root_alone(shop: Shop) -> None:
    answer = trained(shop, MAKE)

    assert answer["done"], answer["findings"]
    assert statuses(answer) == {"copy": "ok", "training": "ok"}
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
        ("echo x > figures.json", "changed '"),
    ],
)
def test_a_training_that_goes_wrong_gives_no_candidate(
    shop: Shop, script: str, reason: str
) -> None:
    answer = trained(shop, script)

    assert not answer["done"]
    assert reason in message(answer)
    assert answer["candidate"] == {}


@pytest.mark.parametrize(
    "script",
    [
        "echo x > app.json",
        "rm app.json",
        "echo x > app.json; false",
        "echo x > figures.json",
        "rm figures.json",
    ],
)
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
    trained(shop, MAKE)

    assert "left no new file" in message(trained(shop, "true"))


def test_check_mode_trains_nothing(shop: Shop) -> None:
    answer = trained(shop, "mkdir new", check=True)

    assert answer["changed"]
    assert not (shop.home / "new").exists()


def test_the_unit_has_limits_and_cannot_write_what_serves(shop: Shop) -> None:
    training = {"name": "fast", "command": ["train"], "output": "new/m", "seconds": 60}
    other = {**shop.options(), "name": "other", "path": "other.json", "metadata": None}
    models = [shop.options(trainings=[training]), other]
    one, two = settings.parse({"models": models}).models

    units = TrainingUnits(one, one.trainings[0], [one, two], Deadline(3600))
    command = units.argv("training", ("train",), 60)

    paths = f"{shop.model} {shop.home}/other.json -{shop.home}/figures.json"
    assert f"--property=ReadOnlyPaths={paths}" in command
    assert "--property=MemoryMax=2048M" in command
    assert "--property=RuntimeMaxSec=60" in command
    assert command[-2:] == ["--", "train"]


@pytest.mark.requirement("R-student_success-81")
def test_model_and_metadata_are_copied_before_each_training(shop: Shop) -> None:
    old = shop.files()

    trained(shop, f"{MAKE} && echo 1 >> new/m")
    answer = trained(shop, f"{MAKE} && echo 2 >> new/m")

    copies = sorted((shop.folder / "lib" / "models" / "slope" / "training").iterdir())
    assert len(copies) == 2, "a second training on one day overwrites nothing"
    for copy in copies:
        assert (copy / "model").read_text() == old["app.json"]
        assert (copy / "metadata").read_text() == old["figures.json"]
    assert str(copies[1]) in message(answer, "copy")
    assert shop.versions().all() == [], "nobody approved them as a way back"


def test_the_oldest_copies_go(shop: Shop) -> None:
    for number in range(3):
        trained(shop, f"{MAKE} && echo {number} >> new/m", keep=2)

    assert len(list((shop.folder / "lib" / "models" / "slope" / "training").iterdir())) == 2


@pytest.mark.requirement("R-student_success-80")
def test_a_candidate_is_tested_before_it_is_handed_over(shop: Shop) -> None:
    answer = trained(shop, MAKE, test="grep -q model new/m")

    assert statuses(answer) == {"copy": "ok", "training": "ok", "test": "ok"}
    assert "grep -q model new/m" in message(answer, "test")


def test_a_candidate_that_fails_its_test_is_not_handed_over(shop: Shop) -> None:
    answer = trained(shop, MAKE, test="echo wrong class; exit 4")

    assert not answer["done"]
    assert "the test ended with 4: wrong class" in message(answer)
    assert answer["candidate"] == {}


def test_a_training_ends_before_the_module_does(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "systemd-run").write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/calls\nexit 1\n")

    shop.call(
        "trained",
        {"max_seconds": 1000},
        trainings=[{"name": "fast", "command": ["train"], "output": "new/m"}],
    )

    words = (tmp_path / "calls").read_text().split()
    (limit,) = [word for word in words if word.startswith("--property=RuntimeMaxSec=")]
    assert 700 < int(limit.rpartition("=")[2]) <= 820


def test_a_test_that_changes_what_serves_is_undone(shop: Shop) -> None:
    old = shop.model.read_text()

    answer = trained(shop, MAKE, test="echo x > app.json")

    assert "its file is what it was again" in message(answer)
    assert shop.model.read_text() == old


def test_all_models_of_the_folder_are_guarded(shop: Shop) -> None:
    (shop.home / "other.json").write_text("other")
    other = {**shop.options(), "name": "other", "path": "other.json", "metadata": None}
    command = in_home(shop, f"{MAKE} && echo x > other.json")
    training = {"name": "fast", "command": command, "output": "new/m"}
    models = [shop.options(trainings=[training]), other]

    answer = run(
        settings.parse({"models": models, "name": "slope", "state": "trained"}), check_mode=False
    )

    assert "other.json', which serves; its file is what it was again" in message(answer)
    assert (shop.home / "other.json").read_text() == "other"
