"""Team of the workers of one training: they connect, take over the chief's state, agree to stop, and leave.

Between `join` and `leave` every worker makes the same calls in the same order, since each call is a
collective operation that waits for all. One process alone makes the same calls, and they cost nothing.
"""

import faulthandler
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import tensorflow as tf

from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.types import Tensor
from stages.train.cluster import VARIABLE, Cluster
from stages.train.roll_call import call_roll

CONNECT_SECONDS = 60  # after the roll call all are there; a longer wait means that one has died since
# Errors of collective operations when a worker is gone: its socket is closed, or no heartbeat for 10 s.
GONE = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError)


class Workers:
    """Devices of all workers, and this worker's part in their joint decisions."""

    def __init__(self, cluster: Cluster, strategy: Any) -> None:
        self.strategy = strategy
        self._alone = cluster.workers == 1
        self._sum: Callable[..., list[Any]] = tf.function(self._sum_replicas)

    def agree_to_stop(self, asked: bool, now: bool) -> bool:
        """Return whether all stop here: one `asked` worker is enough. Several workers only confer when it is `now`."""
        if self._alone:
            return asked
        return now and int(self._sum([tf.constant(int(asked))], chief_only=False)[0]) > 0

    def resume(self, step: int, variables: Sequence[Any]) -> int:
        """Return the chief's step and, unless that is 0, take over its values of the variables."""
        if self._alone:
            return step
        step = int(self._sum([tf.constant(step)], chief_only=True)[0])
        if step:
            values = self._sum([tf.convert_to_tensor(variable) for variable in variables], chief_only=True)
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return step

    def leave(self) -> None:
        """Wait until all workers call this: the others take a worker that has ended for one that has failed."""
        with suppress(*GONE):  # a worker that is gone now had no more to do
            self.agree_to_stop(asked=False, now=True)

    def _sum_replicas(self, values: list[Tensor], chief_only: bool) -> Any:
        """Sum each value over all replicas, or return that of the chief's first replica."""

        def replica(values: list[Tensor]) -> list[Tensor]:
            context = tf.distribute.get_replica_context()
            counts = tf.logical_or(tf.equal(context.replica_id_in_sync_group, 0), not chief_only)
            ours = (tf.where(counts, value, tf.zeros_like(value)) for value in values)
            # One at a time: a list would have to be of one type.
            return [context.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in ours]

        return self.strategy.experimental_local_results(self.strategy.run(replica, args=(values,)))[0]


@contextmanager
def join(cluster: Cluster, fingerprint: str) -> Iterator[Workers]:
    """Connect with all workers of the cluster. Raises TransientError, here or in the block, when one of them is gone.

    Call it before anything else of TensorFlow. Without other workers it uses this machine's GPUs
    if there are several, else its one device.
    """
    try:
        workers = Workers(cluster, _strategy(cluster, fingerprint))
        try:
            yield workers
        except SystemExit:  # they have agreed to stop
            workers.leave()
            raise
        workers.leave()
    except GONE as error:
        if cluster.workers == 1:
            raise
        raise TransientError(
            "another worker has gone",
            expected=f"all {cluster.workers} workers until the end of the training",
            got=(re.search("aborted by: .*", str(error)) or [str(error)])[0],
            file=VARIABLE,
            next_step="read the errors of the other workers, then start all of them again: "
            "training resumes from the chief's last checkpoint",
        ) from None


def _strategy(cluster: Cluster, fingerprint: str) -> Any:
    if cluster.workers == 1:
        os.environ.pop(VARIABLE, None)  # a MirroredStrategy reads it too, and fails if it is empty
        several = len(tf.config.list_logical_devices("GPU")) > 1
        return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()
    call_roll(cluster, f"{fingerprint} {len(tf.config.list_physical_devices('GPU'))} GPUs")
    if not cluster.chief:
        logging.getLogger().setLevel(logging.ERROR)  # the chief logs for all
    tf.get_logger().setLevel("WARNING")  # TensorFlow logs each connection twice
    faulthandler.dump_traceback_later(CONNECT_SECONDS, exit=True)  # TensorFlow blocks signals while connecting
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as error:
        raise InputError(
            "this worker cannot be reached by the others",
            expected="a free port on this machine",
            got=error.message,
            file=f"{cluster.addresses[cluster.index]} in {VARIABLE}",
            next_step="end the program that uses the port, or name another port on all workers",
        ) from None
    finally:
        faulthandler.cancel_dump_traceback_later()
