# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module model_update."""

from __future__ import annotations

import typing as t

from ..base.alerts import silence_option
from ..base.bounded import deadline_option
from ..base.options import Options, option, requirements
from ..switching.options import PLAIN_PATH, SERVER

#: As PLAIN_PATH has them.
PLAIN_NAME: t.Final = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
PLAIN_BELOW: t.Final = r"[A-Za-z0-9_][A-Za-z0-9._/-]*"

METADATA: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the file beside the model. A candidate must bring one of its own.",
        required=True,
        pattern=PLAIN_NAME,
    ),
    "keys": option(
        "dict",
        "Names in it of C(accuracy), C(f1), C(r2), C(feature_count) and C(trained_at), where they"
        " are others.",
        default={},
    ),
}

EVALUATION: t.Final[Options] = {
    "reference": option(
        "str",
        "CSV file below the root whose answers are known, at least 10 rows.",
        required=True,
        pattern=PLAIN_BELOW,
    ),
    "target": option("str", "Its column with the known answers.", required=True),
    "predictor": option("str", "Python file below the root.", required=True, pattern=PLAIN_BELOW),
    "class_name": option(
        "str",
        "Class in it, made with the path of the model, with C(read) and C(predict) as"
        " M(model_verify) has them.",
        required=True,
        pattern=r"[A-Za-z_][A-Za-z0-9_]*",
    ),
    "r2": option(
        "float",
        "Lowest coefficient of determination that is accepted.",
        required=True,
        maximum=1,
    ),
    "worse_by": option(
        "float",
        "By how much it may be below that of the serving model.",
        default=0.01,
        minimum=0,
    ),
    "inputs": option(
        "str",
        "CSV file below the root with what was asked last; both models predict its last rows too.",
        default="",
        pattern=rf"|{PLAIN_BELOW}",
    ),
    "last": option("int", "How many of its rows.", default=200, minimum=1, maximum=100000),
    "differs_by": option(
        "float",
        "From what share of the serving model's prediction on one counts as different.",
        default=0.05,
        above=0,
    ),
    "most_different": option(
        "float",
        "Share of predictions that may be different.",
        default=0.2,
        minimum=0,
        maximum=1,
        why="a share such as 0.2",
    ),
    "interpreter": option("path", "The system's own Python.", default="/usr/bin/python3"),
    "seconds": option(
        "int", "Seconds that loading and predicting may take.", default=120, minimum=1, maximum=600
    ),
    "requirements": requirements(),
}

TRAINING: t.Final[Options] = {
    "name": option("str", "Name of the training.", required=True, pattern=r"[a-z0-9][a-z0-9_-]*"),
    "command": option(
        "list", "The command, run in the root.", elements="str", required=True, min_items=1
    ),
    "output": option(
        "str",
        "File below the root that it leaves; no file that serves. Its metadata lie beside it.",
        required=True,
        pattern=PLAIN_BELOW,
    ),
    "test": option(
        "list",
        "Command that is run in the same way once the candidate is made. When it fails, the"
        " candidate is not handed over.",
        elements="str",
        default=[],
    ),
    "memory_mb": option("int", "Most memory, MB.", default=2048, minimum=16),
    "cpu_percent": option("int", "Most of one processor, %.", default=50, minimum=1),
    "seconds": option(
        "int", "Most seconds of each command.", default=7200, minimum=1, maximum=86400
    ),
    "requirements": requirements(),
}

MODEL: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the model, as in its record; findings are called C(model:NAME).",
        required=True,
        pattern=r"[a-z0-9][a-z0-9_.-]*",
    ),
    "root": option("path", "Folder of the system.", required=True, pattern=PLAIN_PATH),
    "path": option(
        "str", "The file that serves, below the root.", required=True, pattern=PLAIN_BELOW
    ),
    "metadata": option("dict", "Figures of the training beside it.", options=METADATA),
    "user": option("str", "Service user, who loads models. Never root.", required=True),
    "evaluation": option(
        "dict",
        "How a candidate is measured before it serves. Without it a person decides alone.",
        options=EVALUATION,
    ),
    "trainings": option(
        "list", "Ways to make a candidate.", elements="dict", options=TRAINING, default=[]
    ),
    "server": option(
        "dict",
        "What serves, and how it is asked. C({sha256}) in C(equals) of a probe stands for the"
        " checksum of the model that must serve; C(same_as_before) does not count here, since"
        " another model may predict otherwise.",
        options=SERVER,
        required=True,
    ),
    "workers": option("list", "Units that load the model too.", elements="str", default=[]),
    "versions": option(
        "path",
        "Folder of kept models, for root alone.",
        default="/var/lib/upkeep/models",
        pattern=PLAIN_PATH,
    ),
    "keep": option(
        "int",
        "Models that are kept, and as many copies of before a training.",
        default=5,
        minimum=1,
        why="one is the way back",
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "models": option(
        "list", "The models of this host.", elements="dict", options=MODEL, default=[]
    ),
    "name": option(
        "str",
        "Which of them is changed, gone back from or trained. Not needed where there is only one.",
        default="",
    ),
    "state": option(
        "str",
        "V(looked) looks at what updates left. V(measured) brings a candidate and measures it"
        " beside the model that serves. V(live) lets it serve. V(back) lets a kept model serve"
        " again. V(trained) has a candidate made.",
        default="looked",
        choices=["looked", "measured", "live", "back", "trained"],
    ),
    "training": option(
        "str",
        "Which of its trainings V(trained) means. Not needed where there is only one.",
        default="",
    ),
    "candidate": option(
        "path",
        "File of the candidate on the host, for V(measured) and V(live): no link of others, and of"
        " root or of O(candidate_owner). It stays where it is. Without it and O(upload),"
        " V(measured) only sees whether it serves, and V(live) takes what V(measured) brought.",
    ),
    "candidate_metadata": option("path", "Its metadata on the host."),
    "candidate_owner": option(
        "int", "User id whom these files may belong to as well.", default=0, minimum=0
    ),
    "upload": option(
        "path",
        "File of the candidate on the controller, instead of O(candidate). It is sent to a"
        " temporary folder of the user that connects, which is removed at the end. Nothing is sent"
        " in check mode.",
    ),
    "upload_metadata": option("path", "Its metadata on the controller."),
    "sha256": option("str", "Checksum of the candidate.", default="", pattern=r"|[0-9a-f]{64}"),
    "approved_sha256": option(
        "str",
        "Checksum of the approved model. Another one that serves is neither loaded nor kept as a"
        " way back, and ends the update. Without it nothing is compared.",
        default="",
        pattern=r"|[0-9a-f]{64}",
    ),
    "version": option(
        "str",
        "Kept model for V(back), the newest other one by default.",
        default="",
        pattern=r"|[0-9A-Za-z][0-9A-Za-z.-]{0,63}",
    ),
    "approved_by": option("str", "Who approved the candidate.", default=""),
    **silence_option(),
    **deadline_option(7200),
}
