# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What users of Capistrano, Ansistrano, Deployer, Kamal and others ran into, tried on ours.

Each test names the threads of which it plays the input.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.predictor_deploy.run import run, switcher_of
from ansible.module_utils.upkeep.predictor_deploy.settings import DeployError, parse
from ansible.module_utils.upkeep.rollback.run import run as roll_back
from ansible.module_utils.upkeep.rollback.settings import parse as parse_rollback
from ansible.module_utils.upkeep.switching.releases import Releases
from ansible.module_utils.upkeep.switching.switch import no_hook

from tests.unit.module_utils.predictor_deploy.test_run import built, deploy, look, values
from tests.unit.module_utils.switching.conftest import Service, service
from tests.unit.module_utils.switching.test_switch import KilledError, killed_at
from tests.unit.upkeep.actions.test_predictor_deploy import git, repository
from upkeep.actions.predictor_deploy import SourceError, make_archive, resolve

__all__ = ["deploy", "repository", "service"]

Deploy = t.Callable[..., dict[str, t.Any]]


def back(service: Service, **more: t.Any) -> dict[str, t.Any]:
    """Go back and return the module's answer."""
    return roll_back(parse_rollback({"app": values(service)["app"], **more}), False)


def killed(service: Service, release: str, moment: str) -> None:
    """Deploy a release by a run that ends at a moment."""
    settings = built(service, release)
    run(settings, check_mode=False)
    with pytest.raises(KilledError):
        run(replace(settings, state="live"), check_mode=False, hook=killed_at(moment))


def test_a_folder_in_the_place_of_the_link(service: Service, deploy: Deploy) -> None:
    """capistrano/capistrano#1398."""
    (service.folder / "shop" / "current").mkdir(parents=True)

    assert deploy("1")["done"] is False
    assert service.answer()["version"] == "0"


def test_a_deployment_without_its_source_takes_nothing_away(
    service: Service, deploy: Deploy
) -> None:
    """capistrano/capistrano#1885."""
    deploy("1")
    deploy("2")
    settings = built(service, "3")
    Path(settings.bundle).unlink()

    answer = run(settings, check_mode=False)

    assert answer["done"] is False
    assert answer["current"] == "2"
    assert back(service)["current"] == "1"


def test_many_failures_leave_the_good_releases(service: Service, deploy: Deploy) -> None:
    """deployphp/deployer#814 and #579."""
    deploy("1")
    deploy("2")
    for number in range(3, 9):
        assert deploy(str(number), crash=True)["done"] is False

    deploy("9")

    assert back(service)["current"] == "2"
    assert back(service)["current"] == "1"


def test_old_releases_that_cannot_be_deleted(
    service: Service, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """silverstripe-archive/deploynaut#80."""

    def refuse(*_: t.Any) -> t.NoReturn:
        raise OSError("Directory not empty")

    monkeypatch.setattr("ansible.module_utils.upkeep.switching.releases.Releases.prune", refuse)

    assert deploy("1")["done"] is True
    assert service.answer()["version"] == "1"


def test_what_was_asked_beside_is_not_left_behind(service: Service, deploy: Deploy) -> None:
    """basecamp/kamal#425: the copy that is only asked is left by a run that is interrupted."""
    deploy("1")
    settings = built(service, "2")
    run(settings, check_mode=False)
    releases = Releases(settings.app.root)
    switcher_of(settings.app, releases, no_hook)._start_next(releases.require("2"))
    assert look(service)["release:app.candidate"]["status"] == "warning"

    assert deploy("3")["done"] is True
    assert not service.systemd._runs("shop-api-next.service")
    assert look(service)["release:app.candidate"]["status"] == "ok"


@pytest.mark.parametrize("told", [{"start": 1.5}, {"ill": 1.5}])
def test_an_application_that_starts_slowly(
    service: Service, deploy: Deploy, told: dict[str, t.Any]
) -> None:
    """basecamp/kamal#361 and #807: it has all of its time, however often it was asked."""
    assert deploy("1", **told)["done"] is True


def test_rounds_that_do_not_fit_the_window(service: Service) -> None:
    """basecamp/kamal#915: checks every two minutes within seconds."""
    given = values(service)
    given["app"]["server"]["confirmation"] |= {"seconds": 28, "interval": 120, "needed": 3}

    with pytest.raises(DeployError, match="do not fit into 28 s"):
        parse(given)


def test_a_repository_with_submodules(repository: Path, tmp_path: Path) -> None:
    """deployphp/deployer#53 and caprover/caprover#242: their folders would be empty."""
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{commit},libs/shared")
    git(repository, "commit", "--quiet", "--message", "two")
    git(repository, "tag", "v2")

    with pytest.raises(SourceError, match=r"v2 has submodules \(libs/shared\)"):
        make_archive(resolve(str(repository), "v2", tmp_path), "lock", None, tmp_path / "r.tar")


def test_a_repository_whose_models_are_kept_elsewhere(repository: Path, tmp_path: Path) -> None:
    """go-gitea/gitea#4773: a pointer would be in the place of the file."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    (repository / "model it's.pkl").write_text(pointer)
    (repository / "about.md").write_text(f"A pointer looks like this:\n\n    {pointer}")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "two")
    git(repository, "tag", "v2")

    with pytest.raises(SourceError, match=r"'model it's\.pkl' is kept by git LFS"):
        make_archive(resolve(str(repository), "v2", tmp_path), "lock", None, tmp_path / "r.tar")

    git(repository, "rm", "--quiet", "model it's.pkl")
    git(repository, "commit", "--quiet", "--message", "three")
    git(repository, "tag", "v3")
    make_archive(resolve(str(repository), "v3", tmp_path), "lock", None, tmp_path / "r.tar")


def test_the_name_of_a_branch(repository: Path, tmp_path: Path) -> None:
    """capistrano/capistrano#2024: what it names changes."""
    with pytest.raises(SourceError, match="is a branch, which moves"):
        resolve(str(repository), "main", tmp_path)


def test_going_back_past_a_release_that_is_not_complete(service: Service, deploy: Deploy) -> None:
    """deployphp/deployer#4114, #4115 and capistrano/capistrano#351."""
    deploy("1")
    run(built(service, "2"), check_mode=False)
    (service.folder / "shop/releases/2/release.json").unlink()
    deploy("3")

    assert back(service)["current"] == "1"


def test_going_back_past_a_release_that_never_served(service: Service, deploy: Deploy) -> None:
    """deployphp/deployer#306: its tests had failed, and its folder was there."""
    deploy("1")
    run(built(service, "2"), check_mode=False)
    deploy("3")

    assert back(service)["current"] == "1"


def test_going_back_without_anything_to_go_back_to(service: Service) -> None:
    """deployphp/deployer#2052: it must not look like a success."""
    answer = back(service)

    assert answer["done"] is False
    assert answer["findings"][0]["status"] == "critical"


def test_going_back_to_one_that_is_named(service: Service, deploy: Deploy) -> None:
    """ansistrano/rollback#10."""
    for release in ("1", "2", "3"):
        deploy(release)

    assert back(service, release="1")["current"] == "1"


def test_the_release_that_is_left_can_still_be_looked_at(service: Service, deploy: Deploy) -> None:
    """ansistrano/rollback#2 and capistrano/capistrano#551: kept, or put away with evidence."""
    deploy("1")
    deploy("2")
    back(service)
    assert (service.folder / "shop/releases/2/code").is_dir()

    deploy("2")
    back(service, quarantine=True)
    assert (service.folder / "shop/quarantine/2/release/code").is_dir()


def test_a_host_that_does_not_have_the_named_one(service: Service, deploy: Deploy) -> None:
    """capistrano/capistrano#1155: hosts that missed a deployment have other releases."""
    deploy("1")
    deploy("3")

    answer = back(service, release="2")

    assert answer["done"] is False
    assert "there are: 0, 1, 3" in answer["findings"][0]["message"]
    assert service.answer()["version"] == "3"


@pytest.mark.parametrize("moment", ["pointed", "switched"])
def test_going_back_from_a_deployment_that_was_cut_off(
    service: Service, deploy: Deploy, moment: str
) -> None:
    """jeffbyrnes/railsless-deploy#19 and capistrano/capistrano#514: not one too far."""
    deploy("1")
    deploy("2")
    killed(service, "3", moment)

    answer = back(service)

    assert answer["done"] is True
    assert answer["current"] == "2"
    assert service.answer()["version"] == "2"


def test_what_serves_is_what_the_link_says_after_going_back(
    service: Service, deploy: Deploy
) -> None:
    """capistrano/capistrano#154 and #314."""
    deploy("1")
    deploy("2")

    assert back(service)["current"] == service.answer()["version"] == "1"


def test_the_order_is_that_of_their_making(service: Service, deploy: Deploy) -> None:
    """deployphp/deployer#53: sorted by name, 9 came after 10."""
    for release in ("9", "10", "11"):
        deploy(release)

    assert back(service)["current"] == "10"
    assert back(service)["current"] == "9"


def test_the_release_that_is_gone_back_to_is_named_before(service: Service, deploy: Deploy) -> None:
    """ansistrano/rollback#13: what else must fit it, such as a database, has to know."""
    deploy("1")
    deploy("2")

    answer = roll_back(parse_rollback({"app": values(service)["app"]}), True)

    assert answer["steps"][0] == "go back from release 2 to 1 and confirm it"
    assert answer["diff"]["after"].startswith("current -> 1\n")
