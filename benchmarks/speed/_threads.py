"""From which size of a step on a second torch thread pays; sets FLOPS_FOR_THREADS.

python benchmarks/threads.py [--out FILE]
"""

from __future__ import annotations

import argparse

import torch
from _common import medians, save
from torch import nn

from sk_sdlr.experiments._fit import seconds
from sk_sdlr.modules import MLP
from sk_sdlr.training import AutogradStep, DenseStep
from sk_sdlr.training._isolation import threads

N_FEATURES, N_CLASSES = 64, 10


def microseconds(hidden: int, batch_size: int, kind: type, n_threads: int) -> float:
    """Return the time of one step."""
    module = MLP(N_FEATURES, N_CLASSES, hidden_layer_sizes=(hidden, hidden))
    step = kind(module, nn.CrossEntropyLoss(), torch.optim.SGD(module.parameters(), lr=0.01))
    x, y = torch.randn(batch_size, N_FEATURES), torch.randint(N_CLASSES, (batch_size,))
    error, n_steps = torch.empty(batch_size), 100
    with threads(n_threads):
        runs = [
            {"s": seconds(lambda: [step(x, y, None, error) for _ in range(n_steps)])}
            for _ in range(4)
        ]
    return 1e6 * medians(runs[1:])["s"] / n_steps


def main() -> None:
    """Print and save a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out")
    many = max(2, torch.get_num_threads())
    rows = []
    for hidden in (32, 64, 128, 256, 512, 1024):
        for batch_size in (32, 128, 512):
            n_parameters = sum(
                p.numel()
                for p in MLP(
                    N_FEATURES, N_CLASSES, hidden_layer_sizes=(hidden, hidden)
                ).parameters()
            )
            row = {"hidden": hidden, "batch": batch_size, "flops": 6 * n_parameters * batch_size}
            for kind in (DenseStep, AutogradStep):
                one, several = (microseconds(hidden, batch_size, kind, n) for n in (1, many))
                row |= {f"{kind.__name__}_us": one, f"{kind.__name__}_gain": one / several}
            rows.append(row)
            print(", ".join(f"{key} {value:.3g}" for key, value in row.items()), flush=True)
    save("threads", {"n_threads": many, "rows": rows}, parser.parse_args().out)


if __name__ == "__main__":
    main()
