# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A good release serves and nothing was refused; a bad one never serves, whatever is wrong."""

from __future__ import annotations

import json
import subprocess
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest

HOST: t.Final = "fairedge-1"
#: The other server of the demo, version 20 on Debian 12.
GUNICORN: t.Final = [
    "gunicorn",
    "--worker-class=uvicorn.workers.UvicornWorker",
    "--workers=1",
    "--graceful-timeout=5",
    "services.asgi:app",
]
ENVIRONMENT: t.Final = "/opt/fairedge/.env.production"
GUNICORN_LOSES: t.Final = {"restart": 1, "blue_green": 0}
KINDS: t.Final = ("new_connection", "keep_alive_get", "keep_alive_post")
ROOT: t.Final = "/srv/releases/fairedge"


def serving(host: t.Any) -> dict[str, t.Any]:
    """Return what the service answers."""
    found: dict[str, t.Any] = json.loads(host.check_output("curl -s http://127.0.0.1:8000/health"))

    return found


def current(host: t.Any) -> str:
    """Return the release that serves."""
    found: str = host.check_output("readlink %s/current", ROOT)

    return found


def test_the_release_serves_from_its_folder(fleet_host: t.Any) -> None:
    host = fleet_host(HOST)

    assert serving(host)["version"] == "2.0.0"
    assert host.service("fairedge-api.socket").is_running
    assert host.service("fairedge-api.socket").is_enabled
    python = f"{ROOT}/current/venv/bin/python"
    assert host.check_output("%s -c 'import shopmark; print(shopmark.MARK)'", python) == "locked"


def test_a_second_run_changes_nothing(records: t.Any) -> None:
    second = records("converge")[-1]

    assert second["changes"] == []
    # Is it there, does it serve, and the look at what deployments left.
    assert second["hosts"][HOST]["remote_tasks"] <= 3


def test_the_check_named_the_files_and_nothing_that_was_sent_is_left(
    fleet_host: t.Any, records: t.Any
) -> None:
    messages = [item["message"] for item in records("converge")[0]["findings"]]

    assert any(" would serve instead of what runs now. Files: " in one for one in messages)
    assert not fleet_host(HOST).file("/var/lib/upkeep/incoming").exists


def test_the_service_user_can_change_nothing_of_a_release(fleet_host: t.Any) -> None:
    host = fleet_host(HOST)
    find = f"find {ROOT} -not -user root -o -perm /022 -not -type l"

    assert host.check_output(find) == ""
    assert host.run(f"runuser -u fairedge -- cat {ROOT}/current/code/services/api.py").rc == 0


@pytest.mark.parametrize(
    ("version", "expected", "reason"),
    [
        ("v2", "", "do not pass|asked before it served"),
        ("v4", "5.0.0", "'version' of its answer is"),
        ("v5", "", "the packages cannot be installed"),
    ],
)
def test_a_bad_release_never_serves(
    fleet_host: t.Any, play: t.Any, version: str, expected: str, reason: str
) -> None:
    host = fleet_host(HOST)
    before, pid = current(host), host.check_output("systemctl show -P MainPID fairedge-api")

    done = play(
        "converge",
        "-e",
        json.dumps(
            {
                "predictor_deploy_version": version,
                "expected_version": expected,
                "predictor_deploy_suites": [],
            }
        ),
    )

    assert done.returncode == 2, done.stdout[-3000:]
    assert any(part in done.stdout for part in reason.split("|")), done.stdout[-3000:]
    assert current(host) == before
    assert host.check_output("systemctl show -P MainPID fairedge-api") == pid
    assert serving(host)["version"] == "2.0.0"


def test_a_failed_gate_leaves_what_serves(fleet_host: t.Any, play: t.Any) -> None:
    host = fleet_host(HOST)
    done = play(
        "converge",
        "-e",
        json.dumps(
            {
                "predictor_deploy_version": "v3",
                "app_tests_suites": [{"name": "release", "paths": ["tests/none.py"]}],
            }
        ),
    )

    assert done.returncode == 2
    assert serving(host)["version"] == "2.0.0"


def visit(url: str) -> subprocess.Popen[bytes]:
    """Start the clients on the host; they go on until somebody waits for what they have seen."""
    return subprocess.Popen(
        [
            "podman", "exec", "--interactive", f"upkeep-mol-predictor_deploy-{HOST}", "python3",
            "/usr/local/lib/load_client.py", "--url", url, "--seconds", "400", "--until-eof",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip


def lost(seen: dict[str, t.Any], kind: str) -> int:
    """Return how many requests of a kind got no answer, or an error."""
    return sum(seen[kind][key] for key in ("refused", "reset", "server_errors"))


def test_nothing_is_refused_and_nothing_lost_behind_nginx(fleet_host: t.Any, play: t.Any) -> None:
    host = fleet_host(HOST)
    client = visit("http://127.0.0.1:80/health")

    done = play("converge", "-e", "predictor_deploy_version=v3")
    output, _ = client.communicate(timeout=120)
    seen = json.loads(output)

    assert done.returncode == 0, done.stdout[-3000:]
    assert serving(host)["version"] == "3.0.0"
    assert set(seen["versions"]) == {"2.0.0", "3.0.0"}, seen
    assert {kind: lost(seen, kind) for kind in KINDS} == dict.fromkeys(KINDS, 0), seen


def test_the_host_goes_back_by_itself_when_nobody_confirms(fleet_host: t.Any, play: t.Any) -> None:
    host = fleet_host(HOST)
    before = current(host)
    old = host.file(ENVIRONMENT).content_string
    owner = host.check_output("stat -c '%%U %%a' %s", ENVIRONMENT)
    host.check_output("(cat %s; echo NEW_LINE=1) >%s.new", ENVIRONMENT, ENVIRONMENT)
    moment = "fairedge-api-undo.timer"
    arguments = json.dumps(
        {
            "predictor_deploy_version": "v4",
            "predictor_deploy_suites": [],
            "predictor_deploy_retry": True,
            # Only then does the module's process carry its name.
            "ansible_pipelining": False,
        }
    )
    killer = (
        f"for n in $(seq 1200); do if systemctl is-active -q {moment}; then sleep 0.3;"
        " pkill -KILL -f [A]nsiballZ_predictor_deploy; exit; fi; sleep 0.1; done; exit 1"
    )
    watcher = subprocess.Popen(
        ["podman", "exec", f"upkeep-mol-predictor_deploy-{HOST}", "sh", "-c", killer]
    )

    done = play("converge", "-e", arguments)
    assert watcher.wait(timeout=60) == 0
    # A process that is killed looks like a connection that is lost: ssh answers 255.
    assert done.returncode == 4, done.stdout[-2000:]
    assert host.service("fairedge-api-undo.timer").is_running
    assert "NEW_LINE=1" in host.file(ENVIRONMENT).content_string
    # What the timer starts when its time has come.
    host.check_output("systemctl start fairedge-api-undo.service")
    assert host.file(ENVIRONMENT).content_string == old
    assert host.check_output("stat -c '%%U %%a' %s", ENVIRONMENT) == owner
    assert "NEW_LINE=1" in host.file(f"{ENVIRONMENT}.new").content_string
    host.check_output("rm %s.new", ENVIRONMENT)

    assert current(host) == before
    assert serving(host)["version"] == "3.0.0"
    again = play("converge", "-e", "predictor_deploy_version=v3")
    assert again.returncode == 0, again.stdout[-2000:]


def comes(condition: t.Callable[[], bool], seconds: float = 90) -> bool:
    """Return whether a condition holds within the time."""
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.2)

    return condition()


def serves(host: t.Any, version: str) -> bool:
    """Return whether a release serves, also behind nginx."""
    asked = [host.run(f"curl -sm 5 http://127.0.0.1:{port}/health").stdout for port in (8000, 80)]

    return all(f'"{version}"' in answer for answer in asked)


def test_a_host_that_boots_before_a_release_is_confirmed_goes_back(
    fleet_host: t.Any, play: t.Any, reboot: t.Any, record: t.Any
) -> None:
    """Who would have confirmed it has gone with the boot; the timer alone would take minutes."""
    host = fleet_host(HOST)
    before = current(host)
    given = {"predictor_deploy_suites": [], "predictor_deploy_retry": True}

    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(
            play, "converge", "-e", json.dumps({**given, "predictor_deploy_version": "v4"})
        )
        switched = f"systemctl is-active -q fairedge-api-undo.timer && ! readlink {ROOT}/current"
        assert comes(lambda: host.run(f"{switched} | grep -qx {before}").rc == 0)
        reboot(HOST)
        assert deploying.result(timeout=120).returncode != 0

    assert comes(lambda: current(host) == before, 30)
    assert comes(lambda: serves(host, "3.0.0"))
    assert host.service("fairedge-api.socket").is_enabled
    assert host.service("fairedge-celery-worker").is_running

    again = play("converge", "-e", "predictor_deploy_version=v3")
    assert again.returncode == 0, again.stdout[-2000:]
    cut_off = [one for one in record("converge")["findings"] if one["check"].endswith(".cut_off")]
    assert [one["status"] for one in cut_off] == ["warning"]
    assert host.run("find /etc/systemd/system -name '*-undo.*' | grep .").rc == 1


def test_a_change_by_hand_is_seen(fleet_host: t.Any, play: t.Any, runs: t.Any) -> None:
    host = fleet_host(HOST)
    host.check_output("echo '# by hand' >> %s/current/code/services/pages.py", ROOT)

    play("converge", "-e", "predictor_deploy_version=v3")
    lines = (runs("converge")[-1] / "events.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    drift = [
        event["finding"]["message"]
        for event in found
        if event["event"] == "finding" and event["finding"]["check"] == "release:app"
    ]

    assert "changed by hand" in drift[-1]


def test_two_releases_beside_each_other_lose_nothing(fleet_host: t.Any, play: t.Any) -> None:
    host = fleet_host(HOST)
    first = play("converge", "-e", "predictor_deploy_version=v6", "-e", "switch_by=blue_green")
    assert first.returncode == 0, first.stdout[-3000:]
    assert host.service("fairedge-api-front.socket").is_enabled
    assert not host.service("fairedge-api.socket").is_running
    # While systemd waits for it, it would be ended with all connections after 90 s.
    state = host.check_output("systemctl show -P ActiveState fairedge-api-front.service")
    assert state == "active"
    clients = [visit("http://127.0.0.1:80/health"), visit("http://127.0.0.1:8000/health")]

    done = play("converge", "-e", "predictor_deploy_version=v7", "-e", "switch_by=blue_green")
    behind, direct = (json.loads(one.communicate(timeout=120)[0]) for one in clients)
    print(json.dumps({"behind nginx": behind, "directly": direct}))

    assert done.returncode == 0, done.stdout[-3000:]
    assert serving(host)["version"] == "7.0.0"
    assert set(behind["versions"]) == {"6.0.0", "7.0.0"}, behind
    assert {kind: lost(behind, kind) for kind in KINDS} == dict.fromkeys(KINDS, 0), behind
    assert lost(direct, "new_connection") == 0, direct
    # Each stop ends a connection that is kept: of the release before, and of the one beside.
    assert max(lost(direct, kind) for kind in KINDS) <= 2, direct
    assert not host.service("fairedge-api-next").is_running


def test_the_release_serves_behind_its_proxy_after_a_boot(fleet_host: t.Any, reboot: t.Any) -> None:
    """The path that the proxy connects to lies in /run, and is made anew with its socket."""
    host = fleet_host(HOST)
    before = current(host)

    reboot(HOST)

    assert comes(lambda: serves(host, "7.0.0"))
    assert current(host) == before
    assert host.check_output("readlink /run/upkeep/fairedge-api.sock").endswith("-own.sock")
    assert not host.service("fairedge-api.socket").is_running


@pytest.mark.parametrize(
    ("strategy", "versions"), [("restart", ("v8", "v9")), ("blue_green", ("v10", "v11"))]
)
def test_gunicorn_takes_the_sockets_that_it_is_handed(
    fleet_host: t.Any, play: t.Any, strategy: str, versions: tuple[str, str]
) -> None:
    host = fleet_host(HOST)

    def deployed(version: str) -> subprocess.CompletedProcess[str]:
        given = {"predictor_deploy_version": version, "switch_by": strategy, "serve_with": GUNICORN}
        done: subprocess.CompletedProcess[str] = play("converge", "-e", json.dumps(given))
        return done

    # A host changes server and strategy with a release: only then connections may be refused.
    before = deployed(versions[0])
    assert before.returncode == 0, before.stdout[-3000:]
    clients = [visit("http://127.0.0.1:80/health"), visit("http://127.0.0.1:8000/health")]

    done = deployed(versions[1])
    behind, direct = (json.loads(one.communicate(timeout=120)[0]) for one in clients)
    print(json.dumps({"strategy": strategy, "behind nginx": behind, "directly": direct}))

    assert done.returncode == 0, done.stdout[-3000:]
    assert serving(host)["version"] == f"{versions[1].removeprefix('v')}.0.0"
    assert "gunicorn" in host.check_output("systemctl show -P ExecStart fairedge-api")
    # When it stops, it resets a connection that it has accepted and not read yet.
    assert max(lost(behind, kind) for kind in KINDS) <= GUNICORN_LOSES[strategy], behind
    assert direct["new_connection"]["refused"] == 0, direct
    assert max(lost(direct, kind) for kind in KINDS) <= 2, direct
