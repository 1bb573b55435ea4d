# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A sixth system is one folder of figures and a few inventory lines, and leaves the same way.

Needs a running fleet (``python -m demo up``); ``UPKEEP_FLEET`` names another one than the default.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from demo import engine
from demo.scale_inventory import profiles, write
from tests.scale import runs

NEW: t.Final = "harbour"
WEEKLY: t.Final = "playbooks/weekly.yml"
PROFILE: t.Final = Path(__file__).parent / "profiles" / NEW
#: The demo host that plays the new system's only one; what it carries otherwise is in no group of
#: this inventory.
STAGE: t.Final = "fairedge-1"
LOG: t.Final = "/var/log/harbour/berths.log"


@pytest.fixture(scope="module")
def inside() -> t.Iterator[t.Callable[..., str]]:
    """Return a function that runs a command on the machine of the new system."""
    engine.require()
    name = runs.running().container(STAGE)

    def run(*argv: str, check: bool = True) -> str:
        return engine.podman("exec", name, *argv, check=check).stdout

    def remove() -> None:
        run("rm", "-rf", "/srv/harbour", "/var/log/harbour", "/etc/logrotate.d/upkeep-harbour")
        run("userdel", NEW, check=False)

    remove()
    run("useradd", "--system", "--user-group", "--home-dir", "/srv/harbour", "--create-home", NEW)
    run("install", "-d", "-o", NEW, "-g", NEW, "-m", "0750", "/var/log/harbour")
    run(
        "runuser",
        "-u",
        NEW,
        "--",
        "dd",
        "if=/dev/zero",
        f"of={LOG}",
        "bs=1024",
        "count=400",
        "status=none",
    )
    yield run
    remove()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an inventory with the new system and none of the five, whose profiles are gone."""
    engine.require()
    real = runs.running()
    source = next(host for host in real.hosts if host.name == STAGE)
    host = source._replace(name="harbour-1", system=NEW, components=("web",))
    common = {name: path for name, path in profiles().items() if not (path / "health.yml").exists()}

    assert {"all", "demo"} <= set(common)

    return write(tmp_path_factory.mktemp("new"), real, [(host, STAGE)], {**common, NEW: PROFILE})


def test_the_new_system_is_maintained_and_the_second_run_changes_nothing(
    inside: t.Callable[..., str], place: Path, tmp_path: Path
) -> None:
    check, run, again = (
        runs.play(place, tmp_path, WEEKLY, *arguments) for arguments in (("--check",), (), ())
    )
    for done, record in (check, run, again):
        assert (done.returncode, record["outcome"]) == (0, "ok"), done.stdout[-3000:]
        assert set(record["systems"]) == {NEW}
        assert runs.statuses(record, "unit:nginx") == {"harbour-1": "ok"}
        assert runs.statuses(record, "gate:change") == {"harbour-1": "ok"}

    changed = [
        [(change["host"], change["task"]) for change in record["changes"]]
        for _, record in (check, run, again)
    ]

    assert changed[0] == changed[1]
    assert [host for host, _ in changed[1]] == ["harbour-1"]
    assert changed[2] == []
    assert len(inside("ls", "/var/log/harbour").split()) == 2, (
        "the log that was too big was rotated"
    )
