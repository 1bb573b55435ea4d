# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The formats of logs that are known, one file each; a new one is a file, and a line here.

What a format declares stands in line_format.py; parsers.py takes lines apart by it.
"""

from __future__ import annotations

import typing as t

from .apache_access import FORMAT as APACHE_ACCESS
from .apache_error import FORMAT as APACHE_ERROR
from .celery import FORMAT as CELERY
from .cri import FORMAT as CRI
from .docker import FORMAT as DOCKER
from .gelf import FORMAT as GELF
from .gunicorn import FORMAT as GUNICORN
from .java import FORMAT as JAVA
from .json import FORMAT as JSON
from .json_logstash import FORMAT as JSON_LOGSTASH
from .json_time import FORMAT as JSON_TIME
from .json_ts import FORMAT as JSON_TS
from .line_format import Format
from .logfmt import FORMAT as LOGFMT
from .mongodb import FORMAT as MONGODB
from .nextcloud import FORMAT as NEXTCLOUD
from .nginx_access import FORMAT as NGINX_ACCESS
from .nginx_error import FORMAT as NGINX_ERROR
from .pino import FORMAT as PINO
from .postgresql import FORMAT as POSTGRESQL
from .python import FORMAT as PYTHON
from .redis import FORMAT as REDIS
from .syslog_3164 import FORMAT as SYSLOG_3164
from .syslog_5424 import FORMAT as SYSLOG_5424
from .timestamped import FORMAT as TIMESTAMPED
from .uvicorn import FORMAT as UVICORN

#: In the order in which ``auto`` tries them: what fits fewer logs first.
ORDER: t.Final[tuple[Format, ...]] = (
    DOCKER,
    GELF,
    MONGODB,
    NEXTCLOUD,
    PINO,
    JSON,
    JSON_TS,
    JSON_TIME,
    JSON_LOGSTASH,
    CRI,
    SYSLOG_5424,
    APACHE_ERROR,
    APACHE_ACCESS,
    NGINX_ACCESS,
    NGINX_ERROR,
    GUNICORN,
    CELERY,
    REDIS,
    POSTGRESQL,
    LOGFMT,
    PYTHON,
    JAVA,
    SYSLOG_3164,
    UVICORN,
    TIMESTAMPED,
)
FORMATS: t.Final = {form.name: form for form in ORDER}
#: Formats that programs print into the journal or a container, tried line by line.
CAPTURED: t.Final = (JSON, UVICORN, CELERY, GUNICORN, LOGFMT, POSTGRESQL, NGINX_ERROR, PYTHON)
