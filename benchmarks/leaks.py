"""What stays in the server's memory after its visitors have left.

Run ``python benchmarks/leaks.py``. Opens and closes sessions, each of which moves a slider; waits until the server has
thrown them away, and compares the objects that are alive before and after.
"""

import argparse
import asyncio
import dataclasses
import json
import time
import urllib.request

from browser import GAUSSAPP, HERE, REFERENCE, App, Server, serve
from client import Client
from comparison import table

EXPIRY = ("--unused-session-lifetime", "500", "--check-unused-sessions", "500")


async def come_and_go(server: Server, visitors: int, samples: int) -> None:
    """Let visitors come one after the other; each moves the slider twice and leaves."""
    for _ in range(visitors):
        client = Client(server, samples)
        await client.open()
        for value in (3.05, 3.1):
            await client.move(value)
        client.close()


def alive(server: Server) -> dict[str, int]:
    """Count the live objects once the server has forgotten the visitors that left."""
    end = time.monotonic() + 30
    while True:
        time.sleep(2)
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/objects") as answer:
            counts = json.load(answer)
        if not counts.get("documents") or time.monotonic() > end:
            return counts


def check(app: App, visitors: int, samples: int) -> list[list[str]]:
    """Return the rows of the report for one page."""
    start = app.command.index("serve")
    kind = app.command[start - 1]
    command = (str(HERE / "counted_server.py"), kind, *app.command[start:], *EXPIRY)
    with serve(dataclasses.replace(app, command=command)) as server:
        asyncio.run(come_and_go(server, 5, samples))  # what is made once and kept for all
        before = alive(server)
        asyncio.run(come_and_go(server, visitors, samples))
        after = alive(server)
    kinds = sorted({*before, *after}, key=lambda kind: -after.get(kind, 0))
    return [
        [app.name, kind, str(before.get(kind, 0)), str(after.get(kind, 0)),
         f"{(after.get(kind, 0) - before.get(kind, 0)) / visitors:+.2f}"]
        for kind in kinds
    ]  # fmt: skip


def main() -> None:
    """Check both pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--samples", type=int, default=1000)
    arguments = parser.parse_args()
    rows = [row for app in (REFERENCE, GAUSSAPP) for row in check(app, arguments.visitors, arguments.samples)]
    print(f"\n{arguments.visitors} visitors\n")
    print(table(("page", "objects", "before", "after", "left behind a visitor"), rows))


if __name__ == "__main__":
    main()
