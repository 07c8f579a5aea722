"""How long do users wait when many of them move a slider once a second? One server process each, against the reference.

Run ``python benchmarks/load.py``. The users are connections without a browser (client.py); their answers are timed from
sending a slider's value to receiving new data. Prints the median and the 95th percentile for growing numbers of users.
"""

import argparse
import asyncio
import itertools
import random

import numpy as np
from browser import GAUSSAPP, REFERENCE, App, Server, serve
from client import Client
from comparison import table


async def visit(client: Client, seconds: float) -> list[float]:
    """Move the slider once a second, starting at a random moment; return the waiting times in seconds."""
    values = itertools.cycle((3.05, 3.1, 3.15, 3.1))
    waits = []
    await asyncio.sleep(random.random())
    for _ in range(int(seconds)):
        wait = await client.move(next(values))
        waits.append(wait)
        await asyncio.sleep(max(0.0, 1.0 - wait))
    return waits


async def crowd(server: Server, users: int, samples: int, seconds: float) -> list[float]:
    """Return the waiting times of all users together."""
    clients = [Client(server, samples) for _ in range(users)]
    for client in clients:
        await client.open()
    waits = await asyncio.gather(*(visit(client, seconds) for client in clients))
    for client in clients:
        client.close()
    return [wait for own in waits for wait in own[1:]]  # the first answer pays for what is made on first use


def measure(app: App, users: list[int], samples: int, seconds: float) -> list[list[str]]:
    """Return one row of the report for each number of users."""
    rows = []
    for number in users:
        with serve(app) as server:
            before = server.cpu()
            waits = 1000 * np.array(asyncio.run(crowd(server, number, samples, seconds)))
            busy = (server.cpu() - before) / (number * seconds)
        rows.append([
            app.name, str(number), f"{np.median(waits):.0f}", f"{np.quantile(waits, 0.95):.0f}", f"{busy:.0f}"
        ])  # fmt: skip
        print(" ".join(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="*", default=[10, 20, 40, 80])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=15)
    arguments = parser.parse_args()
    rows = [
        row
        for app in (REFERENCE, GAUSSAPP)
        for row in measure(app, arguments.users, arguments.samples, arguments.seconds)
    ]
    print(f"\n{arguments.samples} points, one move a second each, waiting times in ms\n")
    print(table(("page", "users", "median", "95 %", "CPU ms/update, opening included"), rows))


if __name__ == "__main__":
    main()
