"""Several processes of one training, as torchrun starts them: who is who, what all agree on, cut weights.

Without a process group everything here is the identity, so that the loop is written once.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from worldlaw.core.errors import BadInput, SaidFailure

PATIENCE = datetime.timedelta(days=7)  # the others wait while the first simulates and judges
ENDED = "worldlaw/ended"
REST = 0.2  # seconds without the interpreter's lock, in which other threads' microseconds of work are done


def place() -> tuple[int, int]:
    """This process's number and how many there are."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def device() -> torch.device:
    """This process's GPU, or the CPU if there is none."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")


@contextlib.contextmanager
def join_processes() -> Iterator[None]:
    """Be one of the processes that torchrun started for the length of the block; gloo on CPUs, NCCL on GPUs.

    Of several that fail only the first says so, because all that the others could say is that it is gone:
    process 0 raises what it failed of, another prints it and ends with exit code 1, or 2 for bad input.
    """
    # What is said between processes goes over gloo, also where gradients go over NCCL.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(device())
    store, rank, world = next(iter(distributed.rendezvous("env://")))
    distributed.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=PATIENCE)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        if rank == 0:
            raise
        raise SaidFailure(1) from error
    except BaseException as error:
        first = _first(store)
        if first and rank == 0:
            raise
        if first:
            said = " ".join(str(error).split()) or type(error).__name__
            print(f"worldlaw: process {rank}: {said}", file=sys.stderr, flush=True)
        raise SaidFailure(2 if isinstance(error, BadInput) else 1) from error
    _part()


def broadcast(what: Any = None) -> Any:
    """What the first process says, in all of them."""
    if place()[1] == 1:
        return what
    message = [what]
    distributed.broadcast_object_list(message, src=0, device=torch.device("cpu"))
    return message[0]


def agree(*wishes: bool) -> tuple[bool, ...]:
    """The first process's wishes, in all of them: clocks differ, and what they decide must not."""
    if place()[1] == 1:
        return wishes
    flags = torch.tensor(wishes, dtype=torch.uint8)
    distributed.broadcast(flags, src=0)
    return tuple(bool(flag) for flag in flags)


def mean(value: Tensor) -> Tensor:
    """The mean of a number over all processes."""
    world = place()[1]
    if world > 1:
        value = value / world
        distributed.all_reduce(value)
    return value


def spread(network: nn.Module, *, shard: bool) -> nn.Module:
    """The network as it runs here: alone as it is, else with gradients averaged over all processes (DDP).

    ``shard`` cuts weights, gradients and optimiser state among the processes (FSDP2, in place), block by
    block where it has ``blocks``. Optimisers must be made afterwards.
    """
    if place()[1] == 1:
        return network
    if not shard:
        return DistributedDataParallel(network)
    from torch.distributed.fsdp import fully_shard

    # The answer is never written into, which is what the warning is about.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module", category=UserWarning)
    for block in dict(network.named_children()).get("blocks", nn.ModuleList()).children():
        fully_shard(block)
    fully_shard(network)
    return network


def whole(tree: Any) -> Any:
    """A state (tensors in mappings and lists) with every cut tensor put together again, in all processes."""
    if isinstance(tree, dict):
        return {name: whole(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [whole(value) for value in tree]
    return tree.full_tensor() if isinstance(tree, DTensor) else tree


def cut_like(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor cut as another one is; as it is if that is not cut or of another shape."""
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def _part() -> None:
    """End the group once gloo's threads have let go of the last tensors.

    They do so after the exchange has ended, and need Python for it: an interpreter that is already closing
    kills such a thread, and C++ then aborts the process ("terminate called without an active exception").
    """
    distributed.barrier()
    time.sleep(REST)
    distributed.destroy_process_group()


def _first(store: distributed.Store) -> bool:
    """Whether no other process said before that it ended; not if the store is gone, which somebody held."""
    try:
        return store.add(ENDED, 1) == 1
    except RuntimeError:
        return False
