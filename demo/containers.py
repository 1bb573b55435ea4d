# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers of a fleet: create, start, wait until they are ready, take away."""

from __future__ import annotations

import concurrent.futures as cf
import hashlib
import http.client
import json
import shutil
import socket
import time
import typing as t

from . import access
from .engine import podman, podman_json
from .errors import DemoError
from .fleet import SSH, Fleet, Health, Host

LABEL_FLEET: t.Final = "org.upkeep.fleet"
LABEL_SPEC: t.Final = "org.upkeep.spec"
BOOT_SECONDS: t.Final = 300
HEALTH_SECONDS: t.Final = 60
HEALTH_SECONDS_OLD: t.Final = 10  # for hosts that were running already
POLL_SECONDS: t.Final = 0.3
STOP_SECONDS: t.Final = 10
LOOPBACK: t.Final = "127.0.0.1"
#: Every systemd holds some inotify instances, and all hosts of a machine share the allowance of its
#: root user.
INOTIFY_HINT: t.Final = (
    "This machine has no inotify instance left: end fleets that nobody uses, or raise "
    "fs.inotify.max_user_instances"
)

_Item = t.TypeVar("_Item")
_Result = t.TypeVar("_Result")


class Container(t.NamedTuple):
    """What podman knows about a host's container.

    ``ports`` maps container port to port on loopback.
    """

    running: bool
    spec: str
    ports: dict[int, int]


def in_parallel(work: t.Callable[[_Item], _Result], items: t.Iterable[_Item]) -> list[_Result]:
    """Do the work for all items at once; every item is tried, then the first error is raised."""
    listed = list(items)
    pool = cf.ThreadPoolExecutor(max_workers=max(len(listed), 1))
    try:
        futures = [pool.submit(work, item) for item in listed]
        while cf.wait(
            futures, timeout=1
        ).not_done:  # an interrupt just before a wait without end would go unseen
            pass

        pool.shutdown()
    except (
        BaseException
    ):  # an interrupt reaches this thread only, and is reported before the others end
        pool.shutdown(wait=False, cancel_futures=True)
        raise

    return [future.result() for future in futures]


def inspect(fleet: Fleet, host: str) -> Container | None:
    """Return the container of the host, None when there is none."""
    found = podman_json("container", "inspect", fleet.container(host))
    if not found:
        return None

    bound = found[0]["HostConfig"]["PortBindings"] or {}
    live = found[0]["NetworkSettings"].get("Ports") or {}
    places = {**bound, **live}.items()  # a stopped container has only what it asked for
    ports = {
        int(key.split("/")[0]): int(where[0]["HostPort"] or 0) for key, where in places if where
    }

    return Container(
        running=found[0]["State"]["Running"],
        spec=(found[0]["Config"]["Labels"] or {}).get(LABEL_SPEC, ""),
        ports=ports,
    )


def published(fleet: Fleet, host: str) -> dict[int, int]:
    """Return port in the container -> port on loopback; raises DemoError when it does not run."""
    container = inspect(fleet, host)
    if container is None or not container.running:
        raise DemoError(
            f"{host} does not run; start it with: python -m demo up --fleet {fleet.name}"
        )

    return container.ports


def specification(fleet: Fleet, host: Host, image_id: str, description: str) -> str:
    """Return a digest of all that a container is made from.

    One with another digest is made anew.
    """
    parts = [
        image_id,
        description,
        sorted(host.publish.items()) if fleet.fixed_ports else sorted(host.publish),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def start(fleet: Fleet, host: Host, image: str, spec: str, say: t.Callable[[str], None]) -> bool:
    """Bring the host's container into being and to run.

    Return whether it was started, False when it ran already.
    """
    name = fleet.container(host.name)
    current = inspect(fleet, host.name)
    if current and current.spec != spec:
        say(f"{host.name}: image or settings have changed, making it anew")
        _remove(name)
        current = None

    if current and current.running:
        return False
    if current:
        podman("start", name)
        return True

    if fleet.fixed_ports:
        _check_free(host)

    ports = [
        f"{LOOPBACK}:{fixed if fleet.fixed_ports else ''}:{inside}"
        for inside, fixed in host.publish.items()
    ]
    podman(
        "run", "--detach", "--systemd=always", "--name", name, "--hostname", host.name,
        "--network", fleet.network, "--network-alias", host.name,
        *[argument for port in ports for argument in ("--publish", port)],
        "--volume", f"{fleet.folder.resolve() / 'hosts' / host.name}.json:/etc/demo/host.json:ro",
        "--label", f"{LABEL_FLEET}={fleet.name}", "--label", f"{LABEL_SPEC}={spec}",
        image,
    )  # fmt: skip

    return True


def _check_free(host: Host) -> None:
    """Raise DemoError when one of the host's fixed ports is taken."""
    for inside, port in host.publish.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                raise DemoError(
                    f"port {port} on {LOOPBACK} is taken ({error.strerror}): stop what uses it,"
                    f" or change hosts.{host.name}.publish.{inside} in demo/fleet.yml and run:"
                    " python -m demo render-inventory"
                ) from error


def ensure_network(fleet: Fleet) -> None:
    """Create the fleet's network unless it is there."""
    if podman("network", "exists", fleet.network, check=False).returncode:
        podman("network", "create", "--label", f"{LABEL_FLEET}={fleet.name}", fleet.network)


def wait_booted(fleet: Fleet, host: Host) -> tuple[int, str]:
    """Wait until the host has booted; return its ssh port and public host key.

    Raises DemoError with the journal.
    """
    name = fleet.container(host.name)
    deadline = time.monotonic() + BOOT_SECONDS
    state = "no answer"

    while time.monotonic() < deadline:
        # --wait returns when the boot is over; before the bus is up the call fails at once and is
        # tried again.
        try:
            left = max(deadline - time.monotonic(), 1)
            answer = podman(
                "exec", name, "systemctl", "is-system-running", "--wait", check=False, timeout=left
            )
        except DemoError:  # no answer in time: the journal says why
            continue

        state = answer.stdout.strip() or answer.stderr.strip() or state
        if state == "running" or (state == "degraded" and _is_set_up(name)):
            break
        if state in ("degraded", "maintenance", "stopping"):
            raise DemoError(f"{host.name} did not come up ({state}):\n{_journal(name)}")

        time.sleep(POLL_SECONDS)
    else:
        raise DemoError(
            f"{host.name} did not come up within {BOOT_SECONDS} s ({state}):\n{_journal(name)}"
        )

    key = podman("exec", name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.strip()
    container = inspect(fleet, host.name)
    if container is None:
        raise DemoError(
            f"{host.name} went away while it was started: is another process taking the fleet down?"
        )

    port = container.ports[SSH]
    if not answers_ssh(port, deadline - time.monotonic()):
        raise DemoError(
            f"{host.name} booted, but ssh does not answer on {LOOPBACK}:{port}:\n{_journal(name)}"
        )

    return port, key


def history(fleet: Fleet, host: Host) -> str:
    """Return in a few words what the host was given at its first start."""
    output = podman(
        "exec", fleet.container(host.name), "cat", "/var/lib/demo/history.json", check=False
    ).stdout
    if not output:
        return "no history"

    facts = json.loads(output)
    phases = ", ".join(f"{name} {seconds} s" for name, seconds in facts["seconds"].items())
    logs, journal = facts["log_bytes"] / 1e6, facts["journal_bytes"] / 1e6
    size = f"{logs:.1f} MB of logs, {journal:.1f} MB of journal"

    return (
        f"seed {facts['seed']}: {facts['rows']} rows, {size}, {facts['backups']} backups ({phases})"
    )


def _is_set_up(name: str) -> bool:
    """Return whether the first boot is behind the host.

    What fails later may have been broken on purpose.
    """
    return (
        podman("exec", name, "test", "-e", "/var/lib/demo/firstboot.done", check=False).returncode
        == 0
    )


def answers_ssh(port: int, seconds: float) -> bool:
    """Return whether an ssh server greets on the loopback port within the time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
                if connection.recv(4) == b"SSH-":
                    return True
        except OSError:
            pass

        if time.monotonic() >= deadline:
            return False

        time.sleep(POLL_SECONDS)


def wait_healthy(fleet: Fleet, host: Host, fresh: bool, say: t.Callable[[str], None]) -> bool:
    """Wait until the host's health endpoint says so; return whether it does.

    Raises DemoError when a host that was just started does not get there; one that ran before may
    have been broken on purpose, which is only reported.
    """
    container = inspect(fleet, host.name)
    if host.health is None or container is None:
        return True

    seconds = HEALTH_SECONDS if fresh else HEALTH_SECONDS_OLD
    deadline = time.monotonic() + seconds

    while (answer := _ask(container.ports[host.health.port], host.health)) != "healthy":
        if time.monotonic() >= deadline:
            text = f"{host.name}{host.health.path} is not healthy after {seconds} s ({answer})"
            if fresh:
                raise DemoError(f"{text}:\n{_journal(fleet.container(host.name))}")

            say(f"{text}; it ran before and is left as it is")
            return False
        time.sleep(POLL_SECONDS)

    return True


def _ask(port: int, health: Health) -> str:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", health.path, headers={"X-Upkeep-Probe": "1"})
        response = connection.getresponse()
        body = response.read(65536)
        return (
            str(json.loads(body)["status"])
            if response.status in (200, 503)
            else f"HTTP {response.status}"
        )
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def _journal(name: str) -> str:
    """Return the units that failed and the end of the journal, indented."""
    failed = podman(
        "exec", name, "systemctl", "list-units", "--failed", "--plain", "--no-legend", check=False
    )
    journal = podman(
        "exec",
        name,
        "journalctl",
        "--no-pager",
        "--quiet",
        "--output=cat",
        "--lines=20",
        check=False,
    )
    text = [
        *(f"failed: {line}" for line in failed.stdout.splitlines()),
        *journal.stdout.splitlines(),
    ]
    if any("inotify" in line and "Too many open files" in line for line in text):
        text.append(INOTIFY_HINT)

    return "\n".join(f"  {line}" for line in text) or "  (its journal is empty)"


def _remove(name: str) -> None:
    """Shut the host down so that open ssh connections end now, then remove it."""
    podman("stop", "--time", str(STOP_SECONDS), name, check=False)
    podman("rm", "--force", "--time", "0", "--volumes", name)


def retire(fleet: Fleet, known: t.Container[str], say: t.Callable[[str], None]) -> None:
    """Remove hosts that the definition no longer has: they may hold ports of others."""
    for name in _names(fleet):
        if name.removeprefix(fleet.container("")) not in known:
            say(f"{name}: no longer in demo/fleet.yml, removing it")
            _remove(name)


def _names(fleet: Fleet) -> list[str]:
    """Return the containers of the fleet, whether they run or not."""
    label = f"label={LABEL_FLEET}={fleet.name}"
    return podman("ps", "--all", "--filter", label, "--format", "{{.Names}}").stdout.split()


def take_down(fleet: Fleet) -> list[str]:
    """Remove containers, network and folder of the fleet.

    Return the names of the containers that there were.
    """
    names = _names(fleet)
    in_parallel(_remove, names)
    if podman("network", "exists", fleet.network, check=False).returncode == 0:
        podman("network", "rm", fleet.network)

    if (fleet.folder / access.KEY).exists():
        shutil.rmtree(fleet.folder)

    return names
