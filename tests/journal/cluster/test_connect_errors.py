"""Why a database cannot be reached, in plain words with a remedy: on real servers where they can be made so."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests import postgres

if not postgres.is_here():
    pytest.skip(postgres.MISSING, allow_module_level=True)

from quads_tui.journal.cluster import connection
from quads_tui.journal.cluster.connect_errors import in_plain_words
from quads_tui.journal.cluster.connection import DatabaseAway, Dsn


async def why(dsn: str) -> str:
    with pytest.raises(DatabaseAway) as away:
        await Dsn(dsn).connect()
    return str(away.value)


async def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert (await why(f"postgresql://quads@127.0.0.1:{port}/quads")).startswith(
        f"nothing accepts connections at 127.0.0.1, port {port}: "
    )
    assert (await why(f"host={tmp_path} dbname=quads")).startswith(f"there is no socket {tmp_path}/.s.PGSQL.5432 on this machine")
    assert (await why("service=lab")).startswith("the service lab is not in ~/.pg_service.conf or $PGSERVICEFILE: add it there")
    monkeypatch.setattr(connection, "CONNECT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = await why(f"postgresql://quads@127.0.0.1:{silent.getsockname()[1]}/quads")
    assert words == "no answer in time: check the host and port of the DSN, and the firewalls between"


async def test_a_server_that_refuses(port: int) -> None:
    at = f"127.0.0.1:{port}"
    assert (await why(f"postgresql://postgres@{at}/nowhere")).startswith("there is no database nowhere on this server")
    assert (await why(f"postgresql://stranger@{at}/postgres")).startswith("there is no database user stranger on this server")
    assert "ssl = on" in await why(f"postgresql://postgres@{at}/postgres?sslmode=require")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'connection failed: connection to server at "192.0.2.1", port 5432 failed: fe_sendauth: no password supplied',
            "the server wants a password, and there is none: put it into the file $PGPASSFILE (~/.pgpass), $PGPASSWORD, "
            "or a DSN in {file: PATH} of mode 0600",
        ),
        (
            'connection to server at "db" (192.0.2.1), port 5432 failed: FATAL:  password authentication failed for user "quads"',
            "the server refuses the password of the database user quads: correct it; ",
        ),
        (
            'FATAL:  no pg_hba.conf entry for host "192.0.2.9", user "quads", database "quads", no encryption',
            "the server does not accept the database user quads from 192.0.2.9, no encryption: add a line to its pg_hba.conf",
        ),
        (
            'FATAL:  no pg_hba.conf entry for host "192.0.2.9", user "quads", database "quads", SSL encryption',
            "the server does not accept the database user quads from 192.0.2.9: add a line to its pg_hba.conf",
        ),
        (
            'connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: FATAL:  Peer authentication failed for user "bob"',
            "the server lets in the database user bob only from the system user of this name: run the command as that user (runuser -u bob",
        ),
        ("SSL error: certificate verify failed", "the certificate of the server is not signed by a known CA: set sslrootcert"),
        (
            'server certificate for "db.example.com" (and 1 other name) does not match host name "db"',
            "the certificate of the server is for db.example.com, not for db: ",
        ),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', "there is no CA file /root/.postgresql/root.crt"),
        ('could not translate host name "nowhere" to address: x', "the name service does not know the host nowhere"),
        ("failed to resolve host 'nowhere': [Errno -2]", "the name service does not know the host nowhere"),
        ("connection failed: something else", "something else"),
    ],
)
def test_words(text: str, words: str) -> None:
    told, advises = in_plain_words(text)
    assert told.startswith(words)
    assert advises == ("something else" not in text)
