# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Command line of the demo fleet."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import typing as t
from pathlib import Path

from . import access, containers, engine, faults, images, inventory, lease, manifests, releases
from .errors import DemoError
from .files import locked, write_atomically
from .fleet import DEFAULT, PROJECT, Fleet, HistoryPlan, Image, load, select, without_services

#: Environment variable that names the Debian release of fleets, e.g. for all scenarios of one run.
SUITE_VARIABLE: t.Final = "UPKEEP_DEMO_SUITE"


class Progress:
    """Says on screen what is being done and, when a phase ends, how long it took."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line at once."""
        print(text, flush=True)

    def phase(self, done: str) -> None:
        """Print what was done and the seconds since the last phase."""
        now = time.monotonic()
        self.say(f"{done} ({now - self.began:.1f} s)")
        self.began = now


def up(arguments: argparse.Namespace) -> int:
    """Start the fleet; a fleet that runs stays as it is."""
    engine.require()
    definition, progress = load(), Progress()
    fleet = select(definition, arguments.fleet, arguments.hosts, arguments.state)
    fleet = fleet._replace(history=_history(arguments, fleet, definition.history))
    suite = _suite(arguments, definition.image)
    if fleet.fixed_ports and (arguments.bare or suite != definition.image.suite):
        option = "--bare" if arguments.bare else "--suite"
        raise DemoError(
            f"{option} needs --fleet NAME: the inventory of the default fleet is in the repository"
        )

    name = images.ensure(definition.image, suite, progress.say, _stage(arguments))
    progress.phase(f"image {name}")

    lock = arguments.state / f".{fleet.name}.lock"
    with lease.held(fleet.name, "demo up"), locked(lock):
        containers.retire(fleet, definition.hosts, progress.say)
        ports = _start(without_services(fleet) if arguments.bare else fleet, name, progress)
        if not fleet.fixed_ports:
            inventory.link_profiles(fleet)
            write_atomically(
                fleet.inventory, inventory.render(fleet, ports, definition.image.suites[suite])
            )

    progress.say(f"fleet {fleet.name} is up; inventory: {fleet.inventory}")

    return 0


def _suite(arguments: argparse.Namespace, image: Image) -> str:
    suite: str = arguments.suite or image.suite
    if suite not in image.suites:
        raise DemoError(
            f"no Debian release {suite!r} in demo/fleet.yml; known: {', '.join(image.suites)}"
        )

    return suite


def _history(arguments: argparse.Namespace, fleet: Fleet, known: HistoryPlan) -> HistoryPlan | None:
    """Return the history that is asked for; the default fleet has one unless it is refused."""
    if arguments.seed is not None:
        return known._replace(seed=arguments.seed)
    wanted = fleet.fixed_ports if arguments.history is None else arguments.history
    return known if wanted else None


def _stage(arguments: argparse.Namespace) -> str:
    return images.BARE if arguments.bare else images.FULL


def _start(fleet: Fleet, name: str, progress: Progress) -> dict[str, dict[int, int]]:
    """Start the hosts, wait for them, record their models; return the ports of each."""
    access.prepare(fleet)
    descriptions = access.describe(fleet)
    image_id = engine.podman_json("image", "inspect", name)[0]["Id"]
    specs = {
        host.name: containers.specification(fleet, host, image_id, descriptions[host.name])
        for host in fleet.hosts
    }
    containers.ensure_network(fleet)
    started = containers.in_parallel(
        lambda host: containers.start(fleet, host, name, specs[host.name], progress.say),
        fleet.hosts,
    )
    fresh = {host.name for host, new in zip(fleet.hosts, started, strict=True) if new}
    progress.phase(f"started {', '.join(sorted(fresh)) or 'nothing, all hosts were running'}")
    booted = containers.in_parallel(lambda host: containers.wait_booted(fleet, host), fleet.hosts)
    keys = {host.name: answer for host, answer in zip(fleet.hosts, booted, strict=True)}
    access.write_known_hosts(fleet, keys)
    progress.phase("booted, ssh answers")
    for host in fleet.hosts if fleet.history else ():
        if host.name in fresh:
            progress.say(f"  {host.name:<18} {containers.history(fleet, host)}")

    healthy = containers.in_parallel(
        lambda host: containers.wait_healthy(fleet, host, host.name in fresh, progress.say),
        fleet.hosts,
    )
    progress.phase("healthy" if all(healthy) else "running, not healthy")
    recorded = manifests.ensure(fleet, name, fresh)
    if recorded:
        progress.phase(f"recorded the models of {', '.join(recorded)}")

    return {host.name: containers.published(fleet, host.name) for host in fleet.hosts}


def down(arguments: argparse.Namespace) -> int:
    """Take the fleet away with everything that belongs to it."""
    engine.require()
    progress = Progress()
    fleet = select(load(), arguments.fleet, [], arguments.state)
    lock = arguments.state / f".{fleet.name}.lock"
    with lease.held(fleet.name, "demo down"), locked(lock):
        names = containers.take_down(fleet)

    progress.phase(f"fleet {fleet.name} is down: {len(names)} host(s) removed")

    return 0


def status(arguments: argparse.Namespace) -> int:
    """Show the hosts and where they are reached; exit code 0 when all of them run."""
    engine.require()
    fleet = select(load(), arguments.fleet, arguments.hosts, arguments.state)
    found = {host.name: containers.inspect(fleet, host.name) for host in fleet.hosts}
    if not any(found.values()):
        print(
            f"fleet {fleet.name} is not running; start it with: python -m demo up{_option(fleet)}"
        )
        return 1

    if not (
        fleet.fixed_ports or arguments.hosts
    ):  # such a fleet may be meant to have only some of the hosts
        found = {name: container for name, container in found.items() if container}

    for name, container in found.items():
        print(f"{name:<16} {_state(container)}")

    return 0 if all(container and container.running for container in found.values()) else 1


def _state(container: containers.Container | None) -> str:
    if container is None:
        return "missing"
    if not container.running:
        return "stopped"

    return "running  " + ", ".join(
        f"{inside} at 127.0.0.1:{port}" for inside, port in container.ports.items()
    )


def _option(fleet: Fleet) -> str:
    return "" if fleet.name == DEFAULT else f" --fleet {fleet.name}"


def plant(arguments: argparse.Namespace) -> int:
    """Plant faults for the maintenance to find.

    'all', 'none' takes them back, no name lists them.
    """
    engine.require()
    definition, progress = load(), Progress()
    fleet = select(definition, arguments.fleet, [], arguments.state)
    catalogue = faults.load(definition.hosts)
    wanted: list[str] = arguments.names
    if not wanted:
        return _list_defects(catalogue, faults.planted(fleet))

    with lease.held(fleet.name, "demo plant"):
        return _plant(fleet, catalogue, wanted, progress)


def _plant(fleet: Fleet, catalogue: faults.Catalogue, wanted: list[str], progress: Progress) -> int:
    if faults.NONE in wanted:
        if wanted != [faults.NONE]:
            raise DemoError("'none' takes back whatever is planted and stands alone")

        gone = faults.plant(fleet, list(catalogue.known.values()), undo=True)
        for host in fleet.hosts:
            containers.wait_healthy(fleet, host, True, progress.say)

        progress.phase(f"took back {', '.join(gone) or 'nothing, none was planted'}")
        return 0

    chosen = faults.choose(catalogue, wanted)
    done = faults.plant(fleet, chosen)

    for defect in chosen:
        state = "planted" if defect.name in done else "was planted"
        note = ", which no job reports so far" if defect.name in catalogue.pending else ""
        what = f"{defect.name:<24} {defect.host:<16} {defect.finding.area} {defect.finding.check}"
        progress.say(f"{state:<12} {what}{note}")

    if {faults.ALL, *catalogue.rounds} & set(wanted):
        progress.say(
            f"left out, since no job reports them so far: {', '.join(catalogue.pending) or 'none'}"
        )

    rounds = {defect.round for defect in chosen}
    if len(rounds) > 1:
        progress.say(
            f"Some hide others: a round shows them one by one ({', '.join(catalogue.rounds)})."
        )

    return 0


def _list_defects(catalogue: faults.Catalogue, planted: dict[str, list[str]]) -> int:
    def show(defect: faults.Defect) -> None:
        mark = "*" if defect.name in planted.get(defect.host, ()) else " "
        reported = f"{defect.finding.area} {defect.finding.check}"
        print(f" {mark} {defect.name:<24} {defect.host:<16} {reported}")

    for name, meaning in catalogue.rounds.items():
        print(f"{name}: {meaning}")
        for defect in catalogue.defects.values():
            if defect.round == name:
                show(defect)

    print("to come: no job reports these so far, and rounds leave them out")
    for defect in catalogue.pending.values():
        show(defect)

    return 0


def build_image(arguments: argparse.Namespace) -> int:
    """Build the image if it is missing or its inputs have changed."""
    engine.require()
    definition, progress = load(), Progress()
    name = images.ensure(
        definition.image, _suite(arguments, definition.image), progress.say, _stage(arguments)
    )
    progress.phase(f"image {name}")

    return 0


def make_releases(arguments: argparse.Namespace) -> int:
    """Make the repositories from which releases are deployed; needs no fleet."""
    progress = Progress()
    folder = arguments.state / "releases"
    made = releases.make(folder, load())
    tags = ", ".join((*releases.GOOD, f"{releases.BAD} (which cannot be imported)"))
    progress.phase(f"{folder}: {', '.join(place.name for place in made)}, each with {tags}")

    return 0


def render_inventory(arguments: argparse.Namespace) -> int:
    """Write inventory/demo.yml, or only tell (exit code 1) whether it is out of date."""
    fleet = select(load(), DEFAULT, [], arguments.state)
    text = inventory.render(fleet, inventory.fixed_ports(fleet))
    if arguments.check:
        current = fleet.inventory.read_text(encoding="utf-8") if fleet.inventory.exists() else ""
        if current != text:
            print(
                f"{fleet.inventory} is out of date; run: python -m demo render-inventory",
                file=sys.stderr,
            )

        return int(current != text)

    write_atomically(fleet.inventory, text)

    return 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def parse(argv: t.Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed command line; ``run`` is the command's function."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Start and stop the demo fleet."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--fleet", default=DEFAULT, help="others than 'default' run beside it on free ports"
    )
    common.add_argument(
        "--state", type=Path, default=PROJECT / ".demo", help="folder for keys (%(default)s)"
    )
    some = argparse.ArgumentParser(add_help=False)
    some.add_argument(
        "--hosts",
        type=_names,
        default=[],
        help="comma separated; default all, needed ones are added",
    )
    kind = argparse.ArgumentParser(add_help=False)
    kind.add_argument(
        "--suite",
        default=os.environ.get(SUITE_VARIABLE, ""),
        help=f"Debian release, e.g. trixie (default: ${SUITE_VARIABLE}, else that of fleet.yml)",
    )
    kind.add_argument(
        "--bare",
        action="store_true",
        help="hosts as an installer leaves them: nothing but ssh and sudo",
    )
    entries: tuple[
        tuple[str, t.Callable[[argparse.Namespace], int], list[argparse.ArgumentParser]], ...
    ] = (
        ("up", up, [common, some, kind]),
        ("down", down, [common]),
        ("status", status, [common, some]),
        ("plant", plant, [common]),
        ("image", build_image, [kind]),
        ("releases", make_releases, [common]),
        ("render-inventory", render_inventory, [common]),
    )

    for name, function, parents in entries:
        command = commands.add_parser(
            name, help=(function.__doc__ or "").partition(";")[0], parents=parents
        )
        command.set_defaults(run=function)
        if function is up:
            command.add_argument(
                "--history",
                action=argparse.BooleanOptionalAction,
                help="a year of rows and logs from before the first start "
                "(default: for the default fleet only)",
            )
            command.add_argument(
                "--seed", type=int, help="another history than that of fleet.yml; implies --history"
            )

        if function is plant:
            command.add_argument(
                "names", nargs="*", metavar="NAME", help="of a defect or a round of them, all, none"
            )

        if function is render_inventory:
            command.add_argument(
                "--check",
                action="store_true",
                help="write nothing, exit code 1 when it would change",
            )

    return parser.parse_args(argv)


def main(argv: t.Sequence[str] | None = None) -> int:
    """Run one command; what cannot be done is one clear message and exit code 2."""
    arguments = parse(argv)
    try:
        return int(arguments.run(arguments))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        # The commands of podman that are under way are waited for; whoever interrupts again does
        # not want to.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        print("\ndemo: interrupted; the same command goes on from what is there", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
