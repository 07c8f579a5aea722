"""``gaussapp public``: serve the page in the open, where anybody may connect.

What differs from ``panel serve``: session ids are signed, so that a visitor cannot make up or guess the id of another
session; only pages of the named hosts may open a websocket; a message is at most so large, compressed or not; and
flags that would undo this are refused.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import zlib
from collections.abc import Sequence
from types import SimpleNamespace
from urllib.parse import urlsplit

MESSAGE_BYTES = 12 * 2**20
"""Largest message of a browser: an upload comes in pieces of 10 MiB."""

UNPACKED_BYTES = 64 * 2**20
"""Largest array in a message once it is unpacked."""

REFUSED = {
    "--rest-session-info": "it publishes the ids of live sessions",
    "--session-ids": "session ids are always signed here",
    "--allow-websocket-origin": "name the hosts with --origin",
    "--websocket-max-message-size": f"messages are bounded to {MESSAGE_BYTES // 2**20} MiB here",
    "--reuse-sessions": "it shows the first visitor's session to the others",
    "--admin": "it shows all sessions to everybody",
    "--dev": "it is for development",
    "--autoreload": "it is for development",
}


def run(arguments: Sequence[str]) -> int:
    """Serve until stopped; 2 if a flag does not go with serving in the open."""
    parser = argparse.ArgumentParser(
        prog="gaussapp public",
        description="Serve the page in the open: signed sessions, allowed origins, bounded messages. "
        "All other flags are those of `panel serve`, such as --port, --num-procs, --use-xheaders.",
        epilog="Sessions are signed with the environment variable BOKEH_SECRET_KEY; `bokeh secret` makes one. Without "
        "it a new key is made at every start, which is enough for a single server.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--origin",
        action="append",
        required=True,
        metavar="HOST[:PORT]",
        help="the host that visitors see in their address bar; may be given several times",
    )
    options, flags = parser.parse_known_args(arguments)
    try:
        origins = [host_of(origin) for origin in options.origin]
        for flag in flags:
            name = flag.partition("=")[0]
            # argparse, which reads the flags in the end, takes any unique beginning of a name.
            for refused, why in REFUSED.items():
                if len(name) > 3 and refused.startswith(name):
                    raise ValueError(f"{flag} does not go with gaussapp public: {why}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    _provide_secret_key()
    _bound_unpacking()
    from gaussapp.commands import serve

    return serve.run(
        [
            *flags,
            *(part for origin in origins for part in ("--allow-websocket-origin", origin)),
            "--session-ids=signed",
            f"--websocket-max-message-size={MESSAGE_BYTES}",
        ]
    )


def host_of(origin: str) -> str:
    """Return HOST or HOST:PORT of an origin, which may be given as an address.

    Raises
    ------
    ValueError
        If it names no single host.

    Examples
    --------
    >>> host_of("https://www.example.org/")
    'www.example.org'
    """
    parts = urlsplit(origin if "//" in origin else f"//{origin}")
    if not parts.hostname or "*" in origin or parts.path.strip("/") or parts.username is not None:
        raise ValueError(f"--origin {origin!r} is not a host such as www.example.org or www.example.org:8080")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"--origin {origin!r} has a port that is not a number up to 65535") from None
    return parts.hostname if port is None else f"{parts.hostname}:{port}"


def _provide_secret_key() -> None:
    """Give Bokeh a key to sign session ids with; it reads the variable when it is imported."""
    if not os.environ.get("BOKEH_SECRET_KEY"):
        import secrets

        os.environ["BOKEH_SECRET_KEY"] = secrets.token_urlsafe(48)
        print(
            "BOKEH_SECRET_KEY is not set: a new key was made for this start. Set it (see `bokeh secret`) when several "
            "servers share the visitors.",
            file=sys.stderr,
        )


def _bound_unpacking() -> None:
    """Limit what a compressed array in a message may unpack to: Bokeh unpacks without a limit."""
    from bokeh.core import serialization

    setattr(serialization, "gzip", SimpleNamespace(compress=gzip.compress, decompress=unpack))  # noqa: B010


def unpack(packed: bytes) -> bytes:
    """Return what was packed with gzip.

    Raises
    ------
    ValueError
        If that is more than `UNPACKED_BYTES`, or was not packed with gzip.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(packed, UNPACKED_BYTES)
    except zlib.error as error:
        raise ValueError(f"an array in a message cannot be unpacked: {error}") from None
    if not unpacker.eof:
        raise ValueError(f"an array in a message unpacks to more than {UNPACKED_BYTES} bytes, or is cut off")
    return content
