"""Workers that train together: the addresses that TF_CONFIG names, and which of them this process is.

The variable has TensorFlow's own format: addresses of all workers, and the place of this one among
them. The chief, or without one the first worker, writes the outputs.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sceneparse.core.errors import InputError, few, shortened

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


def _address(value: str) -> str:
    if not 0 < int(value.rpartition(":")[2]) < 2**16:
        raise ValueError("expected a port of 1..65535")
    return value


Address = Annotated[str, Field(pattern=r"^[^\s/]+:\d{1,5}$"), AfterValidator(_address)]


@dataclass(frozen=True)
class Cluster:
    """Addresses of the workers, the chief's first, and which of them this process is. No addresses: it trains alone."""

    addresses: tuple[str, ...] = ()
    index: int = 0

    @property
    def workers(self) -> int:
        """Number of processes that train together."""
        return max(1, len(self.addresses))

    @property
    def chief(self) -> bool:
        """Whether this process writes the outputs."""
        return self.index == 0

    @contextmanager
    def state(self, directory: Path) -> Iterator[Path]:
        """Give the chief its state directory, and other workers a temporary one."""
        if self.chief:
            yield directory
        else:
            with TemporaryDirectory() as scratch:
                yield Path(scratch)


def read_cluster(environment: Mapping[str, str] = os.environ) -> Cluster:
    """Return the cluster that TF_CONFIG describes. Raises InputError if it describes none."""
    text = environment.get(VARIABLE, "").strip()
    if text in ("", "{}"):
        return Cluster()
    try:
        config = _Config.model_validate_json(text)
    except ValidationError as error:
        faults = [": ".join((".".join(map(str, item["loc"])), item["msg"])) for item in error.errors()]
        raise refusal(f"{'; '.join(few(faults))} (in {shortened(text, 300)})") from None
    addresses, first = (*config.cluster.chief, *config.cluster.worker), len(config.cluster.chief)
    index = config.task.index + (first if config.task.type == "worker" else 0)
    if config.task.index >= len(getattr(config.cluster, config.task.type)):
        raise refusal(f"a task that is not in the cluster: {config.task.type} {config.task.index}")
    if len(set(addresses)) < len(addresses):
        raise refusal(f"an address named twice in {', '.join(addresses)}")
    return Cluster(addresses, index)


def refusal(got: str) -> InputError:
    """Return the InputError for a bad value of the variable."""
    return InputError(
        f"{VARIABLE} does not describe a cluster",
        expected=f"workers and a task among them, for instance {EXAMPLE}",
        got=got,
        file=f"environment variable {VARIABLE}",
        next_step="fix it, or unset it to train on this machine alone; docs/scaling.md shows two hosts",
    )


class _Jobs(BaseModel):
    model_config = ConfigDict(extra="forbid")  # evaluators and parameter servers have no part in this training

    chief: Annotated[tuple[Address, ...], Field(max_length=1)] = ()
    worker: tuple[Address, ...] = ()


class _Task(BaseModel):
    type: Literal["chief", "worker"]
    index: Annotated[int, Field(ge=0)]


class _Config(BaseModel):
    cluster: _Jobs
    task: _Task
