"""Where work is done: in this process, on the cores of this machine, or on a Dask cluster; the results are the same.

Processes of this machine are our own (``python -c``) rather than `multiprocessing`'s, which would run the user's script
again in each of them unless it is written for that.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from queue import LifoQueue
from typing import Any

__all__ = ["Processes", "computed", "cores", "serve"]

PATIENCE = 5.0
"""Seconds in which a scheduler must answer."""

WORKER_PATIENCE = 30.0
"""Seconds in which one of its workers must: they may have to be started first."""

IN_FLIGHT = 256
"""Tasks given to a cluster at a time."""

ATTEMPTS = 3
"""How often a task is begun whose process was ended from outside."""

Task = Any


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def computed(
    function: Callable[[Task], Any], tasks: Iterable[Task], *, workers: int | None = None, scheduler: Any = None
) -> Generator[tuple[int, Any], None, None]:
    """Compute a function of every task and return position and result of each as it is ready, in any order.

    Parameters
    ----------
    function
        A pure function, found under its name in an importable module.
    tasks
        Its arguments; taken from the iterable only as they are needed.
    workers
        Processes on this machine: by default one for each core; with 1 the work is done in this process.
    scheduler
        Address of a Dask scheduler, or a ``dask.distributed.Client``, to have it done there instead.

    Raises
    ------
    TypeError, ValueError
        If `workers` is not a whole number above zero, or `scheduler` is neither address nor client, or both are given.
    ImportError
        If there is a scheduler and ``dask.distributed`` is not installed here, or gaussapp is not there.
    ConnectionError
        If the scheduler does not answer, has no worker that does, or is lost.
    RuntimeError
        If a worker ends at the same task again and again.
    """
    if workers is not None:
        if isinstance(workers, bool) or not isinstance(workers, int):
            raise TypeError(f"workers must be a whole number, not {workers!r}")
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, not {workers}")
        if scheduler is not None:
            raise ValueError("workers are those of this machine and a scheduler has its own: give one of the two")
    if scheduler is not None:
        return _on_cluster(function, tasks, scheduler)
    count = cores() if workers is None else workers
    return _here(function, tasks) if count == 1 else _on_this_machine(function, tasks, count)


def _here(function: Callable[[Task], Any], tasks: Iterable[Task]) -> Generator[tuple[int, Any], None, None]:
    for position, task in enumerate(tasks):
        yield position, function(task)


# Processes of this machine --------------------------------------------------------------------------------------------


def serve() -> None:
    """Do what comes in on the standard input until it ends: what a worker process runs."""
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed must not get between the results
    while True:
        try:
            function, task = pickle.load(incoming)
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, function(task)))
        except Exception as error:
            error.add_note(traceback.format_exc())
            try:
                answer = pickle.dumps((False, error))
            except Exception:
                answer = pickle.dumps((False, RuntimeError(traceback.format_exc())))
        try:
            outgoing.write(answer)
            outgoing.flush()
        except BrokenPipeError:
            os._exit(1)  # nobody is there any more, neither for this nor for what is still in the buffer


class _Process:
    """A worker process, started when it is first needed and again when it has ended."""

    def __init__(self, niceness: int) -> None:
        self._niceness = niceness if hasattr(os, "nice") else 0
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._starting = threading.Lock()

    def compute(self, function: Callable[[Task], Any], task: Task) -> Any:
        for _ in range(ATTEMPTS):
            process = self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                pickle.dump((function, task), process.stdin)
                process.stdin.flush()
                fine, value = pickle.load(process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                self.end()
                continue
            if not fine:
                raise value
            return value
        raise RuntimeError(
            f"a worker process ended {ATTEMPTS} times at the same task: is there enough memory? Fewer workers need less"
        )

    def _start(self) -> subprocess.Popen[bytes]:
        with self._starting:
            if self._stopped:
                raise CancelledError
            if self._process is None:
                program = f"import sys; sys.path[:] = {sys.path!r}; from gaussapp.workers import serve; serve()"
                if self._niceness:
                    program = f"import os; os.nice({self._niceness}); {program}"
                # One process a core: libraries that start threads of their own would only be in each other's way.
                one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
                self._process = subprocess.Popen(
                    [sys.executable, "-c", program],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **one},
                    # An interrupt from the keyboard is ours to handle. A session of its own would do for that as well,
                    # but Linux shares cores out to sessions first: its process would be as strong as the page.
                    process_group=0 if os.name == "posix" else None,
                )
            return self._process

    def end(self) -> None:
        """End the process and let go of it."""
        with self._starting:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if stream is not None:
                        stream.close()
            process.wait()

    def stop(self) -> None:
        """End the process, whatever it is doing, and start no other."""
        with self._starting:
            self._stopped = True
            if self._process is not None:
                self._process.kill()


class Processes:
    """Processes of this machine that stay from one task to the next; each is started when it is first needed.

    Parameters
    ----------
    count
        How many there are at most.
    niceness
        By how much they give way to others (``os.nice``), where the system knows that.
    """

    def __init__(self, count: int, niceness: int = 0) -> None:
        self._all = [_Process(niceness) for _ in range(count)]
        self._idle: LifoQueue[_Process] = LifoQueue()
        for process in self._all:
            self._idle.put(process)

    def compute(self, function: Callable[[Task], Any], task: Task) -> Any:
        """Return a function of a task, computed in the next idle process; may be called from any thread.

        What the function raises is raised here.

        Raises
        ------
        RuntimeError
            If the process ends at the task again and again.
        OSError
            If no process can be started.
        CancelledError
            If they have been stopped.
        """
        process = self._idle.get()
        try:
            return process.compute(function, task)
        finally:
            self._idle.put(process)

    def stop(self) -> None:
        """End all processes, whatever they are doing, and start no other."""
        for process in self._all:
            process.stop()

    def end(self) -> None:
        """Let go of the processes that were stopped; nothing may use them any more."""
        for process in self._all:
            process.end()


def _on_this_machine(
    function: Callable[[Task], Any], tasks: Iterable[Task], count: int
) -> Generator[tuple[int, Any], None, None]:
    processes = Processes(count)
    numbered = enumerate(tasks)
    running: dict[Future[Any], int] = {}
    with ThreadPoolExecutor(count) as threads:
        try:
            while True:
                while len(running) < 2 * count and (following := next(numbered, None)) is not None:
                    running[threads.submit(processes.compute, function, following[1])] = following[0]
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            for future in running:
                future.cancel()
            processes.stop()
            threads.shutdown()
            processes.end()


# A cluster ------------------------------------------------------------------------------------------------------------


def version(_: Task = None) -> str:
    """Return the version of gaussapp where this is called."""
    from gaussapp import __version__

    return __version__


def _on_cluster(
    function: Callable[[Task], Any], tasks: Iterable[Task], scheduler: Any
) -> Generator[tuple[int, Any], None, None]:
    distributed = _distributed()
    with _client(distributed, scheduler) as client:
        place = client.scheduler.address
        _ask_version(distributed, client, place)
        numbered = enumerate(tasks)
        running: dict[Any, int] = {}

        def give(room: int) -> list[Any]:
            given: list[Any] = []
            while len(given) < room and (following := next(numbered, None)) is not None:
                future = client.submit(function, following[1], pure=False)
                running[future] = following[0]
                given.append(future)
            return given

        finished = distributed.as_completed(give(IN_FLIGHT), loop=client.loop)
        try:
            for future in finished:
                yield running.pop(future), _result(distributed, future, place)
                for more in give(1):
                    finished.add(more)
        finally:
            if running:
                with contextlib.suppress(Exception):  # the scheduler may be gone
                    client.cancel(list(running))


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ImportError(
            "a scheduler needs dask.distributed, which is not installed: pip install 'gaussapp[distributed]'"
        ) from None
    return distributed


@contextlib.contextmanager
def _client(distributed: Any, scheduler: Any) -> Iterator[Any]:
    """Give a client: the one there is, which stays open, or one of our own."""
    if isinstance(scheduler, distributed.Client):
        if scheduler.asynchronous:
            raise TypeError("scheduler is an asynchronous client: give its address, or a client made without that")
        if scheduler.status != "running":
            raise ConnectionError(f"the client given as scheduler is {scheduler.status}: connect a new one")
        yield scheduler
        return
    if not isinstance(scheduler, str):
        raise TypeError(
            f"scheduler must be an address such as 'tcp://host:8786', or a dask.distributed.Client, not {scheduler!r}"
        )
    try:
        client = distributed.Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except Exception as error:  # each kind of address fails in its own way
        raise ConnectionError(
            f"no Dask scheduler answers at {scheduler!r} within {PATIENCE:g} s ({_first_line(error)}): is it running, "
            "and is the address the one it printed when it started?"
        ) from None
    try:
        yield client
    finally:
        client.close()


def _ask_version(distributed: Any, client: Any, place: str) -> None:
    """Wait for a worker, and refuse one that would compute with another gaussapp."""
    probe = client.submit(version, pure=False, priority=10)
    try:
        there = probe.result(timeout=WORKER_PATIENCE)
    except (TimeoutError, distributed.TimeoutError):
        raise ConnectionError(
            f"the scheduler at {place} has no worker that answers within {WORKER_PATIENCE:g} s: start one with "
            f"'dask worker {place}'"
        ) from None
    except ImportError as error:
        raise ImportError(
            f"the workers of {place} have no gaussapp ({error}): install the same version there"
        ) from None
    finally:
        probe.cancel()
    if there != version():
        raise ImportError(f"the workers of {place} have gaussapp {there}, and here it is {version()}: install the same")


def _result(distributed: Any, future: Any, place: str) -> Any:
    try:
        return future.result()
    except distributed.KilledWorker as error:
        raise RuntimeError(
            f"workers of {place} ended again and again at the same task ({_first_line(error)}): is there enough memory?"
        ) from None
    except (CancelledError, distributed.CancelledError) as error:
        raise ConnectionError(f"the scheduler at {place} was lost ({_first_line(error) or 'it has ended'})") from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
