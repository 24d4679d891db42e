"""Why a database cannot be connected to, in plain words with what to do: libpq's own words name neither."""

from __future__ import annotations

import re

_PASSWORD = "put it into the file $PGPASSFILE (~/.pgpass), $PGPASSWORD, or a DSN in {file: PATH} of mode 0600"
_ERRORS: tuple[tuple[str, str], ...] = (
    (
        r'server at "(?P<at>[^"]+)".*, port (?P<port>\d+) failed: Connection refused',
        "nothing accepts connections at {at}, port {port}: check that PostgreSQL runs there, and the host and port of the DSN",
    ),
    (r"failed to resolve host '(?P<at>[^']+)'", "the name service does not know the host {at}: check the DSN"),
    (r'could not translate host name "(?P<at>[^"]+)"', "the name service does not know the host {at}: check the DSN"),
    (r"timeout expired|timed out", "no answer in time: check the host and port of the DSN, and the firewalls between"),
    (
        r'on socket "(?P<at>[^"]+)" failed: No such file',
        "there is no socket {at} on this machine: check that PostgreSQL runs here, or give its host in the DSN",
    ),
    (r'database "(?P<at>[^"]*)" does not exist', "there is no database {at} on this server: create it, or correct the DSN"),
    (r'role "(?P<at>[^"]*)" does not exist', "there is no database user {at} on this server: create it, or correct the DSN"),
    (
        r'Peer authentication failed for user "(?P<at>[^"]*)"',
        "the server lets in the database user {at} only from the system user of this name: run the command as that user "
        "(runuser -u {at} -- ...)",
    ),
    (r"no password supplied", "the server wants a password, and there is none: {remedy}"),
    (
        r'password authentication failed for user "(?P<at>[^"]*)"',
        "the server refuses the password of the database user {at}: correct it; {remedy}",
    ),
    (
        r'no pg_hba.conf entry for host "(?P<at>[^"]*)", user "(?P<user>[^"]*)", database "[^"]*"(?P<how>, no encryption)?',
        "the server does not accept the database user {user} from {at}{how}: add a line to its pg_hba.conf",
    ),
    (
        r'definition of service "(?P<at>[^"]*)" not found',
        "the service {at} is not in ~/.pg_service.conf or $PGSERVICEFILE: add it there, or correct its name in the DSN",
    ),
    (r'service file "(?P<at>[^"]*)" not found', "there is no service file {at}: correct $PGSERVICEFILE"),
    (r"server does not support SSL", "the server has no TLS, which sslmode demands: set ssl = on in its postgresql.conf"),
    (
        r"certificate verify failed",
        "the certificate of the server is not signed by a known CA: set sslrootcert in the DSN to the file of its CA",
    ),
    (
        r'root certificate file "(?P<at>[^"]*)" does not exist',
        "there is no CA file {at}, which sslmode demands: set sslrootcert in the DSN to the file of the CA",
    ),
    (
        r'server certificate for "(?P<at>[^"]*)".* does not match host name "(?P<user>[^"]*)"',
        "the certificate of the server is for {at}, not for {user}: write the host in the DSN as the certificate does",
    ),
)


def in_plain_words(text: str) -> tuple[str, bool]:
    """The words, and whether they say what to do. `text`: of libpq, clean; errors that are not known here stay as they are."""
    for pattern, words in _ERRORS:
        if found := re.search(pattern, text):
            names = {name: value or "" for name, value in found.groupdict().items()}
            return words.format_map({"remedy": _PASSWORD, **names}), True
    return text.removeprefix("connection failed: ").removeprefix("connection is bad: "), False
