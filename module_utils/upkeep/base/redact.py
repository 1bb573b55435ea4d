# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One list of what secrets look like, for all that is shown of logs, commands and test output.

The same expressions find secrets in logs and mask them. Who writes the text may want to hold up a
run: every quantifier is bounded or possessive, and tokens only begin where a word begins, so that
the time stays linear in the length of the text.
"""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator

MASK: t.Final = "***"

#: Where a secret may begin, in lower case: one fast search for all, the shapes are tried there.
_HINTS: t.Final = (
    "pass", "pwd", "secret", "credential", "sessid", "session", "key", "token", "authorization",
    "auth\"", "auth'", "auth\\", "://", ":5432:", ":aa", "$", "bearer ", "basic ", "mysql",
    "mariadb", "sshpass", "requirepass", "masterauth", "identified by", "scram-sha",
    "hooks.slack.com", "discord", "eyj", "akia", "asia", "gh", "glpat-", "glrt-", "xox",
    "xapp-", "sk", "rk_", "aiza", "sg.", "sig=", "github_pat_", "npm_", "hf_", "ya29.",
    "dckr_pat_", "dop_v1_", "pypi-", "whsec_", "shp", "hvs.", "age-secret", "-----begin",
)  # fmt: skip
_HINT: t.Final = re.compile("|".join(map(re.escape, _HINTS)).encode())

#: Names whose value is a secret even when it looks like a word.
_STRONG_NAME: t.Final = (
    r"(?:password|passwd|passphrase|secret|credential|(?<![a-z])(?:pass|pwd)(?![a-z]))"
)
#: "tokens=1523" and "token_count" are figures, "cache_key" and "primary key" are names.
_WEAK_NAME: t.Final = (
    r"(?:sessid|session[_-]?id|token(?![a-z]|[_-](?:count|limit|type|budget|usage))"
    r"|(?<![a-z])auth(?=\\?[\"'])"
    r"|key(?:(?-i:(?<=[A-Z0-9]_KEY))|(?<=api[_-]key)|(?<=apikey)|(?<=access[_-]key)|(?<=accesskey)"
    r"|(?<=private[_-]key)"
    r"|(?<=privatekey)|(?<=auth[_-]key)|(?<=account[_-]key)|(?<=accountkey)|(?<=master[_-]key)"
    r"|(?<=signing[_-]key)|(?<=encryption[_-]key)|(?<=license[_-]key)|(?<=shared[_-]key)))"
)
_NAME_REST: t.Final = r"[\w.-]{0,64}+"
_QUOTE: t.Final = r"\\?[\"']"
#: What a value is made of where no quotes say how far it goes.
_VALUE: t.Final = r"[^\s\"'&,;*<>{}\[\]]"
#: Values that only say that something was masked, that there is none, or where it comes from.
_HARMLESS: t.Final = (
    r"(?!\\?[\"']?(?:masked|redacted|hidden|removed|filtered|null|none|true|false|x{4,64}+)\b"
    r"|(?:%2a){3}"
    r"|[\"']?\$(?-i:[A-Z_]{2,64}+(?![a-z0-9]))|/(?:home|srv|opt|var|root|tmp)\b)"
)
#: Words that follow "password:" in a message about one.
_PROSE: t.Final = (
    r"(?!(?:is|was|has|for|from|of|not|must|may|too|user|expired|invalid|incorrect|wrong|required"
    r"|missing|changed|failed|mismatch|unknown|refused|accepted|empty|ok|yes|no)\b)"
)
#: Up to eight words: "password: correct horse battery staple".
_MORE_WORDS: t.Final = r"(?: [\w!#$%^-]{1,64}+(?![=:])){0,7}+"


def _assigned(name: str, label: str, sign: str, more: str = "", spoken: str = "") -> str:
    """Return the expression for name=value, "name": "value" and name: value.

    ``sign`` must follow a colon without quotes, where a word may just be prose. ``more`` follows
    such a word, ``spoken`` are further ways to come from a name to its value.
    """
    return (
        rf"{name}{_NAME_REST}(?:"
        rf"(?:(?:{_QUOTE})?\s{{0,3}}+(?:=>?|%3D)\s{{0,3}}+|{_QUOTE}\s{{0,3}}+:\s{{0,3}}+"
        rf"|:\s{{0,3}}+(?={_QUOTE}){spoken}){_HARMLESS}"
        rf"(?:\"(?P<{label}_double>(?:[^\"\\\r\n*]|\\.){{1,1024}}+)"
        rf"|'(?P<{label}_single>(?:[^'\\\r\n*]|\\.|''){{1,1024}}+)"
        rf"|\\[\"'](?P<{label}_escaped>[^\"'\\*]{{1,1024}}+)"
        rf"|(?P<{label}_bare>{_VALUE}{{4,}}+))"
        rf"|:(?!:)\s{{0,3}}+{sign}{_HARMLESS}(?P<{label}_plain>{_VALUE}{{4,}}+{more}))"
    )


_SHAPES: t.Final = (
    # SQL says PASSWORD 'secret'
    _assigned(_STRONG_NAME, "password", _PROSE, _MORE_WORDS, spoken=r"|\s{1,3}+(?=')"),
    rf"{_STRONG_NAME}{_NAME_REST}>(?P<element>[^<\s]{{1,256}}+)</",
    r"identified by '(?P<identified>(?:[^'\\\r\n]|\\.|''){1,256}+)",
    _assigned(_WEAK_NAME, "key", r"(?=[^\s\"']{0,128}\d)"),
    r"authorization\\?[\"']?\s{0,3}+[:=]\s{0,3}+\\?[\"']?"
    r"(?:digest\s{1,3}+(?P<digest>[^\r\n]{1,2048}+)"
    r"|(?![\w-]{1,31}+\s{1,3}+\*)(?:[a-z][\w-]{0,30}+\s{1,3}+)?"
    r"(?P<authorization>[^\s\"'*\\]{4,}+))",
    # a password may hold a slash, a port is not one; and a mask is no password
    r"://(?:[^\s/:@\"']{0,64}+:(?!\d{1,5}/|(?:x{3,64}+|\*{1,64}+|(?:%2a){1,64}+)@)"
    r"(?P<login>[^\s\"']{1,256})|(?P<user>[^\s/:@\"'*]{20,128}+))@",
    r":5432:[^\s:]{1,64}+:[^\s:]{1,64}+:(?P<pgpass>[^\s*]{1,128}+)",
    r"(?:requirepass|masterauth)[\"']?[\s=:]{1,3}+[\"']?(?P<redis>[^\s\"'*]{1,128}+)",
    r"(?<=--)(?:password|passwd|passphrase|token|secret)\s{1,3}+(?!-)(?P<flag>[^\s*]{4,256}+)",
    r"(?<=[?&])sig=(?P<signature>[^\s&\"'*]{8,256}+)",
    r"(?:bearer|basic) (?!authenticat|authori[sz]|credential|realm|token)"
    r"(?P<bearer>[a-z0-9+/=._~-]{8,}+)",
    r"(?:mysql|mariadb|sshpass)[\w-]{0,16}+\s(?:[^\r\n]{0,128}?\s)?-p(?P<option>[^\s-]\S*+)",
    r"(?:hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/)(?P<hook>[\w/-]{16,256}+)",
    # hashes of passwords: of shadow(5), htpasswd and PostgreSQL
    r"(?P<hash>\$(?:[1567y]|2[abxy]|apr1|argon2[a-z]{0,2})\$[^\s:\"'*]{8,256}+)",
    r"(?P<scram>scram-sha-256\$[^\s\"'*]{16,512}+)",
    r"(?<=\d):(?P<bot>AA[\w-]{30,64}+)",
    # tokens that can be known by their first letters
    r"(?<![\w-])(?-i:(?P<token>eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+|A[KS]IA[0-9A-Z]{16}"
    r"|gh[opsur]_[0-9A-Za-z]{20,}+|github_pat_\w{20,}+|glpat-[\w-]{16,}+|xox[abprs]-[\w-]{10,}+"
    r"|[sr]k_(?:live|test)_[0-9A-Za-z]{10,}+|sk-[\w-]{20,}+|AIza[\w-]{30,}+"
    r"|SG\.[\w-]{16,}+\.[\w-]{16,}+|npm_[0-9A-Za-z]{30,}+|hf_[0-9A-Za-z]{30,}+"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{20,}+|ya29\.[\w-]{20,}+|dckr_pat_[\w-]{20,}+|dop_v1_[0-9a-f]{32,}+"
    r"|pypi-[\w-]{32,}+|whsec_\w{20,}+|shp(?:at|ca|pa|ss)_[0-9a-f]{32,}+|xapp-[\w-]{20,}+"
    r"|hvs\.[\w-]{20,}+|glrt-[\w-]{16,}+))",
    # a key to its last line, or to the end of what is there of it
    r"-----begin [a-z0-9 ]{0,40}private key(?: block)?-----"
    r"(?P<pem>[^-]*+(?:-(?!----end)[^-]*+)*+)",
)
_SHAPE: t.Final = re.compile("|".join(_SHAPES).encode(), re.IGNORECASE)

_AFTER_COLON: t.Final = re.compile(
    # user:password@tcp(host) of Go's drivers has no mark at its beginning
    rb"((?<![\w.-])[\w.-]{1,64}+:)([^\s:@/\"'*]{1,256}+)(@(?:tcp|udp|unix)\()"
)
_COOKIE: t.Final = re.compile(
    rb"((?:set-)?cookie[\"']?\s{0,3}+[:=]\s{0,3}+)[^\r\n]+", re.IGNORECASE
)
#: Options of commands: mysql -pSECRET, curl -u name:SECRET, --password SECRET.
_OPTIONS: t.Final = (
    re.compile(rb"(?<!\S)(-p)(?=\S)[^\s-]\S*"),
    re.compile(rb"(?<!\S)(-u\s{0,3}+[^\s:]{1,128}+:)\S+"),
    re.compile(
        (
            rf"(?<!\S)(--(?:[\w-]{{0,32}}?)(?:{_STRONG_NAME}|{_WEAK_NAME})"
            rf"[\w-]{{0,32}}+\s{{1,3}}+)(?!-)\S+"
        ).encode(),
        re.IGNORECASE,
    ),
)
_SECRET_NAME: t.Final = re.compile(r"(?i)pass|pwd|secret|token|key|session|credential|auth")


def is_secret_name(name: str) -> bool:
    """Return whether the value of a variable or header of this name is taken for a secret."""
    return _SECRET_NAME.search(name) is not None


def find(data: bytes) -> Iterator[re.Match[bytes]]:
    """Yield what looks like a secret; the group ``lastgroup`` of a match is the secret itself."""
    lowered, start = data.lower(), 0
    while hint := _HINT.search(lowered, start):
        found = _SHAPE.match(data, hint.start())
        if found:
            yield found
        start = found.end() if found else hint.start() + 1


def redact(text: str) -> str:
    """Return the text, of one line or several, with secrets masked."""
    return _as_text(redact_bytes(_as_bytes(text)))


def redact_bytes(data: bytes) -> bytes:
    """Return the bytes with secrets masked."""
    parts, end = list[bytes](), 0
    for found in find(data):
        name = t.cast(str, found.lastgroup)
        parts += [data[end : found.start(name)], MASK.encode()]
        end = found.end(name)

    masked = b"".join((*parts, data[end:]))
    if b"@" in masked:
        masked = _AFTER_COLON.sub(rb"\1" + MASK.encode() + rb"\3", masked)

    return _COOKIE.sub(rb"\1" + MASK.encode(), masked)


def redact_command(text: str) -> str:
    """Return a command line with secrets masked, those in its short options as well."""
    masked = redact_bytes(_as_bytes(text))
    for pattern in _OPTIONS:
        masked = pattern.sub(rb"\1" + MASK.encode(), masked)

    return _as_text(masked)


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _as_text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a bound lay within a character
        return data.decode("utf-8", "replace")
