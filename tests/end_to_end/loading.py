"""A run over a loader with worker processes:   python -m tests.end_to_end.loading FOLDER WORKERS STEPS [START]

START: fork, spawn, forkserver.   Says its workers' ids once they read, and leaves with the status of the signal that
stops it.
"""

import sys

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

import compose
from compose.spec import parse_spec
from runners.state import Interrupted
from tests.end_to_end.remains import EVERY_STEP
from tests.end_to_end.systems import VAEBM


class Rows(Dataset):
    """Points, each from its index: augmentation that is a function of it."""

    def __len__(self):
        return 192

    def __getitem__(self, index):
        if index == 0 and get_worker_info() is not None:
            print("worker", get_worker_info().id, flush=True)
        return torch.randn(2, generator=torch.Generator().manual_seed(index))


def main(folder, workers, steps, start=None):
    order = torch.Generator().manual_seed(0)
    loader = DataLoader(
        Rows(), batch_size=32, shuffle=True, generator=order, num_workers=workers, multiprocessing_context=start
    )
    spec = parse_spec(VAEBM + EVERY_STEP, "spec.yaml", (f"stages.1.steps={steps}", "run.preemption=SIGUSR1"))
    try:
        compose.run(spec, folder, data=loader, quiet=True, force=True)
    except Interrupted as stop:
        return stop.status if stop.saved else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
