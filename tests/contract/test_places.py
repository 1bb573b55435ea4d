# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs work wherever inventory, settings and checkout lie, and end with all they have started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contract.runs import HOSTS, PROJECT, Controller, newest_folder
from upkeep.run import process

pytestmark = pytest.mark.slow

#: Prints the system alpha as a script inventory does; what it says of its hosts is data.
SCRIPT = """#!/bin/sh
cat << 'END'
{"systems": {"children": ["alpha"]},
 "alpha": {"hosts": ["a1", "a2"], "vars": {"system_name": "alpha", "system_components": ["app"]}},
 "_meta": {"hostvars": {"a1": {"tier": "web"}, "a2": {"tier": "web"}}}}
END
"""
#: Puts hosts into groups by their variables.
CONSTRUCTED = """plugin: ansible.builtin.constructed
strict: true
groups: {app: tier == 'web'}
"""
#: Runs a command where the checkout is mounted read-only, which it tries first.
READ_ONLY = """
mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" || exit 70
touch README.md 2> /dev/null && exit 71
exec "$@"
"""


@pytest.fixture
def folder(newest: Controller) -> Path:
    """Return an inventory folder: a script, a file, a constructed plugin and group_vars."""
    folder = newest.scratch / "inventory"
    (folder / "group_vars").mkdir(parents=True)
    script = folder / "10-script"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    beta = {"hosts": {"b1": {"tier": "web"}}}
    (folder / "20-hosts.yml").write_text(
        json.dumps({"all": {"children": {"systems": {"children": {"beta": beta}}}}})
    )
    (folder / "90-groups.yml").write_text(CONSTRUCTED)
    (folder / "group_vars" / "beta.yml").write_text(
        json.dumps({"system_name": "beta", "system_components": ["app"]})
    )
    (folder / "group_vars" / "all.yml").write_text(
        json.dumps({"ansible_connection": "local", "ansible_become": False})
    )

    return folder


def test_hosts_and_groups_may_come_from_a_script_and_a_plugin(
    newest: Controller, folder: Path
) -> None:
    newest.inventory = folder
    run = newest.play("maintain.yml", seen={"a2": "critical"})

    assert run.code == 2, run.output
    assert run.record["outcome"] == "findings"
    assert newest.written() == {"b1"}
    assert run.findings("gate:change") == {"a1": "critical", "a2": "critical", "b1": "ok"}


def test_the_groups_of_a_plugin_count_as_components(newest: Controller, folder: Path) -> None:
    (folder / "90-groups.yml").write_text(CONSTRUCTED.replace("app:", "redis:"))
    newest.inventory = folder
    run = newest.play("maintain.yml")

    assert run.code == 2, run.output
    assert set(run.findings("component:app").values()) == {"critical"}


@pytest.mark.parametrize("kept", ["kept", "sqlite"])
def test_the_store_may_be_a_vaulted_variable(newest: Controller, folder: Path, kept: str) -> None:
    secret = newest.scratch / "password"
    secret.write_text("of the vault\n")
    place = newest.scratch / "kept"
    store = str(place) if kept == "kept" else f"sqlite:///{place}.sqlite"
    vault = [str(newest.bin / "ansible-vault"), "encrypt_string", "--name", "upkeep_store"]
    encrypted = subprocess.run(
        [*vault, "--vault-password-file", str(secret), store],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (folder / "group_vars" / "alpha.yml").write_text(encrypted)
    newest.inventory = folder
    run = newest.play("maintain.yml", "--vault-password-file", str(secret), env=within(newest))

    assert run.code == 0, run.output
    assert str(place) not in (folder / "group_vars" / "alpha.yml").read_text()
    assert not newest.store.exists()
    assert len(known(newest, store)) == 1


@pytest.mark.parametrize("kept", ["folder", "sqlite"])
def test_a_checkout_may_be_mounted_read_only(newest: Controller, kept: str) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this environment allows no mount namespace")

    place = newest.scratch / "kept"
    store = str(place) if kept == "folder" else f"sqlite:///{place}.sqlite"
    newest.prefix = ("unshare", "--mount", "sh", "-c", READ_ONLY, str(PROJECT))
    run = newest.play("maintain.yml", env={**within(newest), "UPKEEP_STORE": store})

    assert run.code == 0, run.output
    assert newest.written() == HOSTS
    assert [entry["outcome"] for entry in known(newest, store)] == ["ok"]


def within(controller: Controller) -> dict[str, str]:
    """Return an environment whose temporary files stay in the scratch folder."""
    return {"TMPDIR": str(controller.scratch)}


def known(controller: Controller, store: str) -> list[dict[str, object]]:
    """Return the runs that a store keeps, as the command line lists them."""
    done = subprocess.run(
        [str(controller.bin / "python"), "-m", "upkeep", "runs", "--json", "--store", store],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    runs: list[dict[str, object]] = json.loads(done.stdout)

    return runs


@pytest.fixture
def shipped(newest: Controller) -> Path:
    """Return an inventory with the shipped profile of racing for a host whose Python hangs.

    It notes in the file `contacted` that somebody came.
    """
    python = newest.scratch / "python"
    python.write_text(f"#!/bin/sh\necho $$ >> {newest.scratch}/contacted\nexec sleep 600\n")
    python.chmod(0o755)
    inventory = newest.scratch / "shipped"
    inventory.mkdir()
    (inventory / "group_vars").symlink_to(PROJECT / "inventory" / "group_vars")
    hosts = {"racing-1": {}}
    racing = {"systems": {"children": {"racing": {"hosts": hosts}}}}
    components = {name: {"hosts": hosts} for name in ("app", "models")}
    local = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": str(python),
    }
    (inventory / "hosts.yml").write_text(
        json.dumps({"all": {"children": {**racing, **components}, "vars": local}})
    )

    return inventory / "hosts.yml"


def contacted(controller: Controller) -> list[int]:
    """Return the processes by which hosts were contacted."""
    file = controller.scratch / "contacted"

    return [int(line) for line in file.read_text().split()] if file.exists() else []


@pytest.mark.parametrize("playbook", ["onboard_hosts", "weekly", "quarter_hourly"])
def test_a_store_that_cannot_keep_the_run_leaves_hosts_alone(
    newest: Controller, shipped: Path, playbook: str
) -> None:
    newest.inventory = shipped
    path = str(PROJECT / "playbooks" / f"{playbook}.yml")
    run = newest.play(
        path, "-e", "preflight_accept=true preflight_legacy=adopt", env={"UPKEEP_STORE": "/proc/x"}
    )

    assert run.code == 2
    assert "this run cannot be kept" in run.output
    assert contacted(newest) == []


@pytest.mark.usefixtures("signals_as_at_a_terminal")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 99), (signal.SIGHUP, 129)]
)
def test_an_interrupted_command_leaves_its_report_and_no_process(
    newest: Controller, shipped: Path, number: signal.Signals, code: int
) -> None:
    command = ["-m", "upkeep", "run", "hourly", "-i", str(shipped), "--store", str(newest.store)]
    output = newest.scratch / "output"
    with output.open("w") as file:
        running = subprocess.Popen(
            [sys.executable, *command],
            cwd=PROJECT,
            env=environment(),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )

    deadline = time.monotonic() + 60
    while not contacted(newest):
        assert time.monotonic() < deadline and running.poll() is None, output.read_text()
        time.sleep(0.1)

    running.send_signal(number)

    assert running.wait(timeout=60) == code, output.read_text()
    assert [pid for pid in contacted(newest) if process.start_time(pid)] == []

    run = newest_folder(newest.store)

    assert json.loads((run / "record.json").read_text())["outcome"] == "interrupted"
    assert (run / "report.html").is_file()


def environment() -> dict[str, str]:
    """Return the environment without settings of Ansible and of ours."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "UPKEEP_"))}
