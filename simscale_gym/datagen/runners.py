"""Who works: this process, several of this machine, or the machines of a Ray cluster, behind one map over scenes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from simscale_gym import progress
from simscale_gym.errors import ArgumentError, MissingExtraError, SimScaleError

RUNNERS = ("local", "ray")
"""Names of those who work: processes of this machine, or Ray."""
EXTRA = "distributed"
"""What is installed for Ray: ``simscale-gym[distributed]``."""

_AHEAD = 2  # tasks that wait for each worker
_TRIES = 4  # times that a task is begun whose worker dies

Task, Result = TypeVar("Task"), TypeVar("Result")
Work = Callable[[Any, Task], Result]


@dataclass(frozen=True)
class Runner:
    """Who works, and how many.

    Attributes:
        name: One of :data:`RUNNERS`.
        workers: Processes of this machine; None for one per core. With one, this process does the work itself. A Ray
            cluster works on one task a core.
        address: Address of the Ray cluster; None for the one that ``RAY_ADDRESS`` names or that runs on this machine,
            else one is begun here.
    """

    name: str = "local"
    workers: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.name not in RUNNERS:
            raise ArgumentError(f"runner: {self.name!r}, expected one of {', '.join(RUNNERS)}.")
        if self.workers is not None and self.workers < 1:
            raise ArgumentError(f"workers: {self.workers}, expected 1 or more.")
        if self.name == "ray" and self.workers is not None:
            raise ArgumentError("workers: Ray works on one scene a core of its cluster; leave them out.")
        if self.name != "ray" and self.address is not None:
            raise ArgumentError(f"ray_address: {self.address!r} without the runner ray; give it too.")

    def processes(self, tasks: int) -> int:
        """Processes of this machine that work on so many tasks; 1 is this one."""
        return max(1, min(self.workers or _cores(), tasks))

    def threads(self, tasks: int) -> int:
        """Threads that each worker has for so many tasks."""
        alone = self.name == "local" and self.processes(tasks) == 1
        return self.workers or _cores() if alone else 1

    def map(self, work: Work, shared: Any, tasks: Sequence[Task]) -> Iterator[Result]:
        """``work(shared, task)`` for each task, in their order; only a few are begun ahead.

        Args:
            work: Function of a module, which other processes can import.
            shared: What all tasks need, sent to each process once: it can be large.
            tasks: What is to be done.

        Raises:
            MissingExtraError: Ray is asked for, and not installed.
            SimScaleError: A task's worker died several times.
        """
        if self.name == "ray":
            return _on_ray(work, shared, tasks, self.address)
        processes = self.processes(len(tasks))
        if processes == 1:
            return (work(shared, task) for task in tasks)
        return _side_by_side(work, shared, tasks, processes)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _side_by_side(work: Work, shared: Any, tasks: Sequence[Task], processes: int) -> Iterator[Result]:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _take, (work, shared)) as pool:
        try:
            yield from _in_order(
                partial(pool.submit, _work), Future.result, Future.cancel, tasks, lambda: processes
            )
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _in_order(
    begin: Callable[[Task], Any],
    end: Callable[[Any], Result],
    cancel: Callable[[Any], object],
    tasks: Sequence[Task],
    workers: Callable[[], int],
) -> Iterator[Result]:
    """Results in the order of tasks, of which a few wait for each worker; those that nobody wants are cancelled."""
    left, waiting = iter(tasks), deque()
    try:
        while True:
            waiting.extend(begin(task) for task in islice(left, max(0, _AHEAD * workers() - len(waiting))))
            if not waiting:
                return
            result = end(waiting[0])
            waiting.popleft()
            yield result
    finally:
        for begun in waiting:
            cancel(begun)


_taken: list[tuple[Work, Any]] = []
"""What a process of the pool does, and with what, which it gets before any task; empty elsewhere."""


def _take(work: Work, shared: Any) -> None:
    _end_with_parent()
    progress.quiet()  # the process that began this one shows how far all are
    _taken.append((work, shared))


def _work(task: Any) -> Any:
    work, shared = _taken[0]
    return work(shared, task)


def _end_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however that ended: nobody waits for it any more."""

    def watch(parent: Any) -> None:
        parent.join()
        os._exit(1)

    parent = multiprocessing.parent_process()
    threading.Thread(target=watch, args=(parent,), daemon=True).start()


def _on_ray(work: Work, shared: Any, tasks: Sequence[Task], address: str | None) -> Iterator[Result]:
    """Each task on a core of the cluster; one whose worker dies is begun again elsewhere."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", EXTRA) from error
    with _connected(ray, address):
        kept = ray.put(shared)
        remote = ray.remote(work).options(num_cpus=1, max_retries=_TRIES - 1)
        try:
            begin = partial(remote.remote, kept)
            yield from _in_order(begin, ray.get, ray.cancel, tasks, partial(_cores_of, ray))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError) as error:
            raise SimScaleError(
                f"A worker of Ray died {_TRIES} times over one scene ({error}). Is there enough memory for a process "
                "on each core? What is done is kept: give the command again."
            ) from error


def _cores_of(ray: Any) -> int:
    """Cores of the cluster now; machines come and go. One where none has come yet."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """A connection to Ray, closed again unless it was there before."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ArgumentError(
            f"ray: no cluster at {address or 'the address in RAY_ADDRESS'} that lets us in ({error}). Start one (ray "
            "start --head), set RAY_AUTH_MODE=token where it asks for a token, or leave the address out."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
