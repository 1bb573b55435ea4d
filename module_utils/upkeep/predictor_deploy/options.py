# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module predictor_deploy."""

from __future__ import annotations

import typing as t

from ..base.alerts import silence_option
from ..base.bounded import deadline_option
from ..base.options import Options, option, requirements
from ..switching.options import PLAIN_PATH, SERVER

WORKER: t.Final[Options] = {
    "unit": option("str", "Unit that runs the same release.", required=True),
    "command": option(
        "list",
        "Its command; C({release}) stands for the folder of the release.",
        elements="str",
        required=True,
        min_items=1,
    ),
    "environment": option("dict", "Variables beside those of all units.", default={}),
    "stop_seconds": option(
        "float",
        "How long it may take to finish the tasks that it has begun.",
        default=120.0,
        above=0,
        maximum=3600,
    ),
}

POOL: t.Final[Options] = {
    "instances": option("int", "Instances that serve at a time.", default=1, minimum=1),
    "processes": option("int", "Processes of each.", default=1, minimum=1),
    "size": option("int", "Connections that each keeps.", required=True, minimum=1),
    "overflow": option("int", "Connections beyond that under load.", default=0, minimum=0),
    "server_connections": option(
        "int", "What the database server allows for the application.", required=True, minimum=1
    ),
}

APP: t.Final[Options] = {
    "name": option(
        "str", "Name, as in C(release:NAME).", default="app", pattern=r"[a-z][a-z0-9_-]*"
    ),
    "root": option(
        "path",
        "Folder of the releases; it belongs to root, not to the service user.",
        required=True,
        pattern=PLAIN_PATH,
    ),
    "user": option("str", "Service user, who may read releases and runs tests.", required=True),
    "folder": option(
        "str", "Folder in the source that units start in.", default="", pattern=r"[A-Za-z0-9._/-]*"
    ),
    "command": option(
        "list",
        "Command of the unit that serves; C({release}) stands for the folder of the release. It"
        " must serve on the sockets that it is handed (LISTEN_FDS), as gunicorn does.",
        elements="str",
        required=True,
        min_items=1,
    ),
    "environment": option("dict", "Variables of all units, such as LOG_LEVEL.", default={}),
    "server": option("dict", "What serves, and how it is asked.", options=SERVER, required=True),
    "workers": option(
        "list", "Other units of the release.", elements="dict", options=WORKER, default=[]
    ),
    "python": option("path", "Interpreter of the virtual environment.", default="/usr/bin/python3"),
    "system_packages": option(
        "bool", "Whether the virtual environment sees the packages of the system.", default=False
    ),
    "lock": option(
        "str",
        "File of the source with all packages and their hashes; nothing is installed without one.",
        default="requirements.lock",
    ),
    "found": option(
        "list",
        "Files and folders that ran before the first deployment: release 0. They are kept as a"
        " copy, and watched for changes by hand until then.",
        elements="path",
        default=[],
    ),
    "environment_file": option(
        "path",
        "Environment file of the units. A file of this name with C(.new) behind it takes its place"
        " at the switch; the old one is kept.",
    ),
    "required_variables": option(
        "list",
        "Variables that the environment file must set, or the new one where there is one. Without"
        " them no release is built, and none serves.",
        elements="str",
        default=[],
        pattern=r"[A-Za-z_][A-Za-z0-9_]*",
    ),
    "pool": option("dict", "Connections to the database, checked in sum.", options=POOL),
    "keep": option(
        "int", "Releases that are kept.", default=5, minimum=2, why="one is the way back"
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "app": option("dict", "The application.", options=APP, required=True),
    "state": option(
        "str",
        "V(looked) looks at what deployments left. V(built) puts a release on the host beside the"
        " one that serves. V(live) lets it serve.",
        default="looked",
        choices=["looked", "built", "live"],
    ),
    "release": option(
        "str", "Id of the release.", default="", pattern=r"|[0-9A-Za-z][0-9A-Za-z.-]{0,63}"
    ),
    "version": option("str", "Tag or commit that somebody asked for.", default=""),
    "commit": option("str", "Commit of the source.", default="", pattern=r"|[0-9a-f]{40,64}"),
    "bundle": option(
        "path",
        "Archive of the release on the host, for V(built): of root or of O(bundle_owner). Without"
        " it and O(upload) nothing is done but to see whether the release is there.",
    ),
    "bundle_owner": option(
        "int", "User id whom the archive may belong to as well.", default=0, minimum=0
    ),
    "upload": option(
        "path",
        "Archive of the release on the controller, instead of O(bundle). It is sent to a temporary"
        " folder of the user that connects, which is removed at the end. Nothing is sent in check"
        " mode.",
    ),
    "sha256": option("str", "Checksum of the archive.", default="", pattern=r"|[0-9a-f]{64}"),
    "files": option(
        "dict",
        "What the code of the release has, path to checksum, so that check mode can say what would"
        " change while the release is not on the host; M(predictor_deploy_source) returns it.",
        default={},
    ),
    "retry": option("bool", "Whether a release in quarantine may be tried again.", default=False),
    "state_file": option(
        "path",
        "Where the checksum of the code is kept while there is no release.",
        default="/var/lib/upkeep/predictor_deploy.json",
    ),
    "saved": option(
        "str", "Name of the backup set that was made before, for the record.", default=""
    ),
    **silence_option(),
    **deadline_option(7200),
}
