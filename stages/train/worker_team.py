"""What the workers of one training do together: connect, take over the chief's state, agree to stop, leave.

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
from stages.train.cluster import VARIABLE, Cluster
from stages.train.roll_call import call_roll

CONNECT_SECONDS = 60  # after the roll call all are there; a longer wait means that one has died since
# What collective operations end with when a worker is gone: its socket is closed, or no heartbeat for 10 s.
GONE = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError)


class Workers:
    """The devices of all workers, and this worker's voice among them."""

    def __init__(self, cluster: Cluster, strategy: Any) -> None:
        self.strategy = strategy
        self._alone = cluster.workers == 1
        self._sum: Callable[..., list[Any]] = tf.function(self._sum_replicas)

    def agree_to_stop(self, asked: bool, now: bool) -> bool:
        """Whether all stop here. Several take the time to ask only when it is `now`, and one that asked is enough."""
        if self._alone:
            return asked
        return now and int(self._sum([tf.constant(int(asked))], chief_only=False)[0]) > 0

    def resume(self, step: int, variables: Sequence[Any]) -> int:
        """Take over the chief's step and, unless that is 0, its values of the variables."""
        if self._alone:
            return step
        step = int(self._sum([tf.constant(step)], chief_only=True)[0])
        if step:
            values = self._sum([tf.convert_to_tensor(variable) for variable in variables], chief_only=True)
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return step

    def leave(self) -> None:
        """Wait until all have come this far: to the others, a worker that has ended is one that has failed."""
        with suppress(*GONE):  # then they have been here, and needed nothing more
            self.agree_to_stop(asked=False, now=True)

    def _sum_replicas(self, values: list[Any], chief_only: bool) -> Any:
        """Each value summed over all replicas, or as the chief's first replica has it."""

        def replica(values: list[Any]) -> Any:
            context = tf.distribute.get_replica_context()
            counts = tf.logical_or(tf.equal(context.replica_id_in_sync_group, 0), not chief_only)
            ours = (tf.where(counts, value, tf.zeros_like(value)) for value in values)
            # One by one: a list would have to be of one type.
            return [context.all_reduce(tf.distribute.ReduceOp.SUM, value) for value in ours]

        return self.strategy.experimental_local_results(self.strategy.run(replica, args=(values,)))[0]


@contextmanager
def join(cluster: Cluster, fingerprint: str) -> Iterator[Workers]:
    """Connect with all workers of the cluster. Raises TransientError, here or in the block, when one of them is gone.

    To be called before anything else of TensorFlow. Without other workers it takes this machine's
    GPUs where it has several, else its one device.
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
            next_step="look at what the other workers said, then start all of them again: "
            "training goes on from the chief's last checkpoint",
        ) from None


def _strategy(cluster: Cluster, fingerprint: str) -> Any:
    if cluster.workers == 1:
        os.environ.pop(VARIABLE, None)  # a MirroredStrategy reads it too, and fails if it is empty
        several = len(tf.config.list_logical_devices("GPU")) > 1
        return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()
    call_roll(cluster, f"{fingerprint} {len(tf.config.list_physical_devices('GPU'))} GPUs")
    if not cluster.chief:
        logging.getLogger().setLevel(logging.ERROR)  # the chief speaks for all
    tf.get_logger().setLevel("WARNING")  # it tells twice what it has connected
    faulthandler.dump_traceback_later(CONNECT_SECONDS, exit=True)  # it would listen to nothing else
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as error:
        raise InputError(
            "this worker cannot be reached by the others",
            expected="a free port on this machine",
            got=error.message,
            file=f"{cluster.addresses[cluster.index]} in {VARIABLE}",
            next_step="end what uses the port, or name another one on all workers",
        ) from None
    finally:
        faulthandler.cancel_dump_traceback_later()
