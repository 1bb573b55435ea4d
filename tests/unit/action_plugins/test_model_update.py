# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A candidate is sent once, into a folder that is removed whatever happens."""

from __future__ import annotations

import importlib.util
import typing as t
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from tools import PROJECT

FOLDER: t.Final = "/home/deploy/.ansible/tmp/ansible-tmp-1"
HOST: t.Final = {"inventory_hostname": "shop-1"}


def load() -> ModuleType:
    """Return the action plugin as a module."""
    path = PROJECT / "action_plugins" / "model_update.py"
    spec = importlib.util.spec_from_file_location("action_model_update", path)
    assert spec
    assert spec.loader

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    return module


plugin = load()


class FakeAction(plugin.ActionModule):  # type: ignore[misc, name-defined]
    """The action with a host that a test stands for; nothing of Ansible is started."""

    def __init__(self, *, check_mode: bool = False, user: str = "1000\n") -> None:
        self._task = SimpleNamespace(check_mode=check_mode, no_log=False)
        self._connection = SimpleNamespace(
            _shell=SimpleNamespace(join_path=lambda *parts: "/".join(parts))
        )
        self.user = user
        self.host: dict[str, str] = {}
        self.given: dict[str, t.Any] = {}
        self.commands: list[str] = []
        self.failure: Exception | None = None

    def _make_tmp_path(self, remote_user: str | None = None) -> str:
        self.commands.append("make")
        return FOLDER

    def _transfer_file(self, local_path: str, remote_path: str) -> str:
        self.host[remote_path] = Path(local_path).read_text()
        return remote_path

    def _low_level_execute_command(self, cmd: str, **_: t.Any) -> dict[str, t.Any]:
        self.commands.append(cmd)
        return {"rc": 0, "stdout": self.user, "stderr": ""}

    def _remove_tmp_path(self, tmp_path: str, force: bool = False) -> None:
        assert force, "also where files of the host are kept to look at modules"
        self.commands.append("remove")
        self.host = {path: text for path, text in self.host.items() if FOLDER not in path}

    def _execute_module(self, **call: t.Any) -> dict[str, t.Any]:
        self.given = {**call["module_args"], "there": dict(self.host)}
        if self.failure:
            raise self.failure
        return {"changed": True}


@pytest.fixture
def candidate(tmp_path: Path) -> dict[str, str]:
    """Return the options that name a candidate of the controller."""
    for name in ("model", "figures"):
        (tmp_path / name).write_text(name)

    return {"upload": str(tmp_path / "model"), "upload_metadata": str(tmp_path / "figures")}


def test_a_candidate_is_there_for_the_module_and_gone_after(candidate: dict[str, str]) -> None:
    action = FakeAction()

    action.act({"state": "live", **candidate}, HOST)

    model, figures = f"{FOLDER}/candidate", f"{FOLDER}/candidate_metadata"
    assert action.given == {
        "state": "live",
        "candidate": model,
        "candidate_metadata": figures,
        "candidate_owner": 1000,
        "there": {model: "model", figures: "figures"},
    }
    assert action.host == {}


@pytest.mark.parametrize("error", [AnsibleConnectionFailure("lost"), RuntimeError("killed")])
def test_what_was_sent_is_removed_when_the_module_fails(
    candidate: dict[str, str], error: Exception
) -> None:
    action = FakeAction()
    action.failure = error

    with pytest.raises(type(error)):
        action.act(candidate, HOST)

    assert action.given["there"]
    assert action.host == {}


def test_what_was_cut_short_on_the_way_is_removed(candidate: dict[str, str]) -> None:
    action = FakeAction()

    def cut(local_path: str, remote_path: str) -> str:
        action.host[remote_path] = Path(local_path).read_text()[:2]
        raise AnsibleConnectionFailure("lost")

    action._transfer_file = cut  # type: ignore[method-assign]
    with pytest.raises(AnsibleConnectionFailure):
        action.act(candidate, HOST)

    assert action.given == {}, "the module was not started"
    assert action.host == {}


def test_check_mode_sends_nothing(candidate: dict[str, str]) -> None:
    action = FakeAction(check_mode=True)

    action.act({"state": "live", **candidate}, HOST)

    assert action.given == {"state": "live", "there": {}}
    assert action.commands == []


def test_a_candidate_of_the_host_is_left_where_it_is() -> None:
    action = FakeAction()

    action.act({"candidate": "/srv/new"}, HOST)

    assert action.given == {"candidate": "/srv/new", "there": {}}
    assert action.commands == []


def test_a_missing_file_is_named_before_anything_is_sent(candidate: dict[str, str]) -> None:
    action = FakeAction()

    with pytest.raises(AnsibleActionFail, match="'/none' is not a file of the controller"):
        action.act({**candidate, "upload_metadata": "/none"}, HOST)

    assert action.commands == []


def test_one_candidate_is_not_named_in_two_places(candidate: dict[str, str]) -> None:
    with pytest.raises(AnsibleActionFail, match="candidate is sent and named on the host"):
        FakeAction().act({**candidate, "candidate": "/srv/new"}, HOST)


def test_a_host_that_does_not_say_who_connects_is_not_believed(candidate: dict[str, str]) -> None:
    action = FakeAction(user="root; id")

    with pytest.raises(AnsibleActionFail, match="does not say who connects"):
        action.act(candidate, HOST)

    assert action.host == {}
