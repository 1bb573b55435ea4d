# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file systems of a host."""

from __future__ import annotations

from ansible.module_utils.upkeep.health_check.clients import mounts
from hypothesis import given
from hypothesis import strategies as st

MOUNTINFO = """\
25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
26 25 0:5 / /dev rw shared:2 - devtmpfs udev rw
27 25 0:22 / /proc rw shared:5 - proc proc rw
28 25 0:24 / /tmp rw - tmpfs tmpfs rw
30 25 254:2 / /srv/with\\040blank rw - xfs /dev/vdb rw
31 25 254:2 /sub /srv/bind rw - xfs /dev/vdb rw
32 25 7:1 / /snap/core ro - squashfs /dev/loop1 ro
33 25 0:40 / /mnt/share rw - nfs4 nas.example.org:/x rw
34 25 0:41 / /pool rw - zfs pool rw
35 25 0:42 / /var/lib/engine/merged rw - overlay overlay rw
36 25 254:3 / /hidden rw - ext4 /dev/vdc rw
37 25 254:4 / /hidden rw - ext4 /dev/vdd rw
38 25 254:5 /etc/hosts /etc/hosts rw - ext4 /dev/vde rw
nonsense
"""


def test_local_file_systems_are_each_found_once() -> None:
    found = mounts.local(mounts.parse(MOUNTINFO))

    assert [(mount.point, mount.device) for mount in found] == [
        ("/", "254:1"),
        ("/etc/hosts", "254:5"),
        ("/hidden", "254:4"),
        ("/pool", "0:41"),
        ("/srv/with blank", "254:2"),
    ]


def test_the_root_of_a_container_counts() -> None:
    assert [
        m.point for m in mounts.local(mounts.parse("1 0 0:50 / / rw - overlay overlay rw\n"))
    ] == ["/"]


POINT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).map(
    lambda s: f"/{s}"
)


@given(
    st.lists(
        st.tuples(POINT, st.integers(0, 300), st.sampled_from(["ext4", "nfs", "tmpfs", "squashfs"]))
    )
)
def test_mountinfo_survives_a_round_trip(entries: list[tuple[str, int, str]]) -> None:
    def escaped(text: str) -> str:
        return "".join(f"\\{ord(c):03o}" if c in " \t\n\\" else c for c in text)

    text = "".join(
        f"9 1 {n}:0 / {escaped(point)} rw - {kind} dev rw\n" for point, n, kind in entries
    )
    parsed = mounts.parse(text)

    assert [(m.point, m.device, m.kind) for m in parsed] == [
        (point, f"{n}:0", kind) for point, n, kind in entries
    ]

    chosen = mounts.local(parsed)

    assert len({m.device for m in chosen}) == len({m.point for m in chosen}) == len(chosen)
    assert set(chosen) <= set(parsed)


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    mounts.local(mounts.parse(text))


def test_what_lies_below_a_later_mount_is_hidden() -> None:
    text = (
        "1 0 8:1 / / rw - ext4 a rw\n"
        "2 1 8:2 / /srv/data rw - ext4 b rw\n"
        "3 1 8:3 / /srv rw - ext4 c rw\n"
        "4 3 8:4 / /srv/new rw - ext4 d rw\n"
    )

    found = mounts.local(mounts.parse(text))

    assert [mount.point for mount in found] == ["/", "/srv", "/srv/new"]


def test_a_root_that_was_mounted_late_hides_nothing_on_it() -> None:
    text = "5 9 8:2 / /boot rw - ext4 b rw\n9 1 8:1 / / rw - ext4 a rw\n"

    assert [mount.point for mount in mounts.local(mounts.parse(text))] == ["/", "/boot"]
