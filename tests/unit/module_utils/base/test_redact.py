# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One corpus of secrets for all that is shown, what must stay readable, and the time it takes."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible.module_utils.upkeep.base.redact import (
    find,
    is_secret_name,
    redact,
    redact_bytes,
    redact_command,
)

_KEY_LINES: t.Final = "MIIEpAIBAAKCAQEA7\nq8Zc+/abcdEFGH=\n"
_PEM: t.Final = f"-----BEGIN RSA PRIVATE KEY-----\n{_KEY_LINES}-----END RSA PRIVATE KEY-----\nafter"

#: Text with a secret, and the same text masked.
CORPUS: t.Final = {
    "SECRET_KEY=abcd1234efgh": "SECRET_KEY=***",
    "DJANGO_SECRET_KEY='django-insecure-x y z'": "DJANGO_SECRET_KEY='***'",
    "AWS_SECRET_ACCESS_KEY=wJalrXUtn/K7MDENG/bPxRf": "AWS_SECRET_ACCESS_KEY=***",
    "ACCESS_KEY=QWERTYUIOP12": "ACCESS_KEY=***",
    '{"secret_key": "a b c", "x": 1}': '{"secret_key": "***", "x": 1}',
    "{'password': 'two words'}": "{'password': '***'}",
    '{\\"password\\": \\"hunter2\\"}': '{\\"password\\": \\"***\\"}',
    'password="correct \\" horse, battery"': 'password="***"',
    "password: correct horse battery staple": "password: ***",
    "Password: hunter2 ip=192.0.2.1": "Password: *** ip=192.0.2.1",
    "password=hunter2": "password=***",
    "PGPASSWORD=hunter2 pg_dump shop": "PGPASSWORD=*** pg_dump shop",
    "dbPassword => 'hunter2'": "dbPassword => '***'",
    "ALTER ROLE shop PASSWORD 'it''s secret'": "ALTER ROLE shop PASSWORD '***'",
    "CREATE USER shop IDENTIFIED BY 'hunter2'": "CREATE USER shop IDENTIFIED BY '***'",
    "<password>hunter2</password>": "<password>***</password>",
    "pwd=hunter2": "pwd=***",
    "tool --password hunter2 run": "tool --password *** run",
    "https://x.example.org/blob?a=1&sig=abcdef123456": "https://x.example.org/blob?a=1&sig=***",
    "postgres://u:pa/ss@db/shop": "postgres://u:***@db/shop",
    "postgres://u:pa*ss@db/shop": "postgres://u:***@db/shop",
    "github_pat_11ABCDEFG0abcdefghij": "***",
    "DB_PASS=hunter2 host=x": "DB_PASS=*** host=x",
    '"pass": "hunter two"': '"pass": "***"',
    "?api_key=abcdef&page=2": "?api_key=***&page=2",
    'apiKey: "xyz 1"': 'apiKey: "***"',
    "token: abc123def456": "token: ***",
    "sessionid=abcdef0123456789; path=/": "sessionid=***; path=/",
    "Set-Cookie: id=abc; Secure": "Set-Cookie: ***",
    "Authorization: token abcdef12345": "Authorization: token ***",
    "-H 'Authorization: Basic dXNlcjpwYXNz' x": "-H 'Authorization: Basic ***' x",
    'Authorization: Digest username="bob", response="66"': "Authorization: Digest ***",
    "Bearer abcdefghijkl": "Bearer ***",
    "postgres://u:p@ss@db/shop": "postgres://u:***@db/shop",
    "redis://:hunter2@localhost:6379/0": "redis://:***@localhost:6379/0",
    "app:hunter2@tcp(db:3306)/shop": "app:***@tcp(db:3306)/shop",
    "mysql -uroot -phunter2 shop": "mysql -uroot -p*** shop",
    "key eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def": "key ***",
    "glpat-abcdefghij1234567890": "***",
    "ghp_abcdefghijklmnopqrst123": "***",
    "AKIAIOSFODNN7EXAMPLE": "***",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv": "***",
    "sk-proj-abcdefghijklmnopqrstuvwxyz": "***",
    "sk_live_abcdefghijkl": "***",
    "SG.abcdefghijklmnop12.abcdefghijklmnopqrst": "***",
    "xoxb-1234567890-abc": "***",
    "OPENAI_KEY=abcdef12345": "OPENAI_KEY=***",
    '{"auths": {"x": {"auth": "dXNlcjpwYXNz"}}}': '{"auths": {"x": {"auth": "***"}}}',
    "AccountKey=abcd1234efgh==;Endpoint=x": "AccountKey=***;Endpoint=x",
    "next=%2Flogin&password%3Dhunter2": "next=%2Flogin&password%3D***",
    "https://abcdefghijklmnopqrstuvwx@git.example.org/x": "https://***@git.example.org/x",
    "db.example.org:5432:shop:app:hunter2": "db.example.org:5432:shop:app:***",
    "requirepass hunter2": "requirepass ***",
    "CONFIG SET requirepass 'hunter2'": "CONFIG SET requirepass '***'",
    "https://hooks.slack.com/services/T0/B0/abcdefghijkl": "https://hooks.slack.com/services/***",
    "root:$y$j9T$abcdefgh$ijklmnop:19000:0": "root:***:19000:0",
    "bob:$2y$05$abcdefghijklmnopqrstuv": "bob:***",
    "SCRAM-SHA-256$4096:abcdefgh$ijklmnop:qrst": "***",
    "bot 123456789:AAabcdefghijklmnopqrstuvwxyz012345": "bot 123456789:***",
    "ASIAIOSFODNN7EXAMPLE": "***",
    "hvs.abcdefghijklmnopqrstuvwx": "***",
    "pypi-AgEIcHlwaS5vcmcCJDabcdefghijklmnopq": "***",
    _PEM: "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\nafter",
    f"-----BEGIN PRIVATE KEY-----\n{_KEY_LINES}": "-----BEGIN PRIVATE KEY-----***",
}
COMMANDS: t.Final = {
    "psql -phunter2 x": "psql -p*** x",
    "curl -u bob:hunter2 https://x/": "curl -u bob:*** https://x/",
    "tool --password hunter2 --verbose": "tool --password *** --verbose",
    "tool --api-key abc --dry-run": "tool --api-key *** --dry-run",
}
READABLE: t.Final = (
    "password=xxxxxxxx",
    "postgres://shop:xxxxx@db/shop",
    "https://u:%2A%2A%2A@x.example.org",
    "Basic authentication failed",
    "Bearer authentication is not configured",
    "GET http://db:8080/mail?to=ada@example.org",
    "tokens=1523 token_count=1523 max_tokens: 1024",
    "token: expired",
    "Invalid password: user bob from 192.0.2.1",
    "PWD=/home/bob OLDPWD=/srv/app",
    "password=$DB_PASSWORD password=*** password: null",
    "primary key = 12345 cache_key=weather",
    "passed=1000 compass=north12",
    "author: bob author='bob 1234'",
    "SELECT $1, $2 WHERE price > $10",
    "cache_key=abc123 foreign_key='x'",
    "https://example.org/user@example.com",
    "192.0.2.1:5432: connection refused",
    "12:aa:bb:cc:dd:ee",
    "GET https://example.org:8000/a@b",
    "the secret of success",
    "größe=5 \ud800 \udcff",
)
#: Parts that an attacker repeats: each begins a shape, or keeps one open.
TRAPS: t.Final = (
    "eyJ", "eyJaaaaaaaa.", "secret", "token:", "token: a", "password=", 'password="', "://",
    "://a:", "a:", "a", "-----BEGIN PRIVATE KEY-----", "-", "mysql ", "mysql -p", "--password ",
    " ", "Authorization: ", "Authorization:a", "cookie=", "cookie ", "-u a", "1", "sk-", "SG.",
    '"', "\\", 'token"', "token-", "api_key", "password: a b c d ", "pass=>", "--token", "@tcp(",
    "<password>", "identified by '", "$", "$6$", ":aa", "1:AA", ":5432:", ":5432:a:", "A_KEY",
    "auth'", "requirepass ", "hooks.slack.com/services/", "://aaaaaaaaaaaaaaaaaaaaaaaa", "shpat_",
    "scram-sha-256$",
)  # fmt: skip


@pytest.mark.parametrize("text", CORPUS)
def test_secrets_are_masked_and_the_rest_stays(text: str) -> None:
    assert redact(text) == CORPUS[text]
    assert redact_bytes(b"\xff " + text.encode()) == b"\xff " + CORPUS[text].encode()
    assert redact_command(text) == CORPUS[text]


@pytest.mark.parametrize("text", COMMANDS)
def test_secrets_in_options_of_commands_are_masked(text: str) -> None:
    assert redact_command(text) == COMMANDS[text]


@pytest.mark.parametrize("text", READABLE)
def test_what_only_mentions_secrets_stays_readable(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("text", CORPUS)
def test_masking_twice_is_masking_once(text: str) -> None:
    once = redact_command(text)

    assert redact_command(once) == once


def test_all_secrets_of_a_text_are_found() -> None:
    data = b"password=hunter2 and token=abc123\nnothing\nAKIAIOSFODNN7EXAMPLE"

    found = [match[match.lastgroup or 0] for match in find(data)]

    assert found == [b"hunter2", b"abc123", b"AKIAIOSFODNN7EXAMPLE"]


@pytest.mark.parametrize("trap", TRAPS)
def test_no_text_takes_more_than_linear_time(trap: str) -> None:
    def seconds(length: int) -> float:
        text = (trap * (length // len(trap) + 1))[:length]
        began = time.process_time()
        redact_command(text)
        return time.process_time() - began

    small, large = min(seconds(62_500) for _ in range(2)), seconds(500_000)

    # eight times the text; the square would be 64 times the time
    assert large < max(24 * small, 0.5)


def test_names_of_variables_tell_secrets() -> None:
    assert is_secret_name("DB_PASSWORD")
    assert is_secret_name("X-Api-Key")
    assert not is_secret_name("LANG")
