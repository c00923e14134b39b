"""Which policy does good, and which does harm: error at equal row visits, paired by seed.

    python benchmarks/policy_study.py --sets higgs7,mnist [--nets shallow,deep] [--seeds 10] \
        [--policies full,auto,fixed,random,twice,infobatch,selective] [--optimizers sgd,adam] \
        [--rates 0.1,0.4] [--visits 12] [--split validation] [--jobs 2] [--out FILE]

A set is one of those named below or an npz file with X and y (integers: classes; else numbers).
Runs of a seed begin with the same weights and may visit the same number of rows, except "twice",
which is ordinary training with twice as many. "random" visits random rows, as many an epoch as
"auto" did. "fixed" is s = t = 0.2 as published, but for the falling rate and the last tenth on all
rows, which every run here has. Runs that the output file holds already are not made again.

`--split validation` measures on a fifth of the training rows, held out: for everything that is
still to be decided.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import groupby, product
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from _study_runs import OPTIMIZERS, POLICIES, Case, run_all_policies
from _study_sets import SETS
from joblib import Parallel, delayed

from sk_sdlr.experiments._circumstances import circumstances


def table(records: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table: means, spreads, and differences to full training in pairs.

    The last column is the median of seconds a visit, in units of full training's of the seed.
    """
    yield f"{'':34} {'error':>8} {'±':>7} {'- full':>8} {'± s.e.':>7} visits epochs s/visit"
    for case, group in groupby(sorted(records, key=_comparison), _comparison):
        rows = list(group)
        full = {r["seed"]: r for r in rows if r["policy"] == "full"}
        yield " ".join(map(str, case))
        for policy in sorted({r["policy"] for r in rows}, key=[r["policy"] for r in rows].index):
            of_policy = [r for r in rows if r["policy"] == policy]
            errors = [r["error"] for r in of_policy]
            line = f"    {policy:20} n={len(errors):<5} {mean(errors):9.5f} {_spread(errors):7.5f} "
            paired = [r for r in of_policy if r["seed"] in full]
            if paired:
                less = [r["error"] - full[r["seed"]]["error"] for r in paired]
                line += f"{mean(less):+8.5f} {_spread(less) / len(less) ** 0.5:7.5f} "
                line += f"{mean(r['visited'] for r in paired):6.2f} "
                line += f"{mean(len(r['sizes']) for r in paired):6.1f} "
                line += f"{median(_cost(r) / _cost(full[r['seed']]) for r in paired):7.3f}"
            yield line


def _cost(record: dict[str, Any]) -> float:
    return record["seconds"] / record["visited"]


def _comparison(record: dict[str, Any]) -> tuple[Any, ...]:
    names = ("set", "net", "optimizer", "rate", "visits", "batch_size", "split")
    return tuple(record[name] for name in names)


def _spread(values: list[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def cases_of(arguments: argparse.Namespace) -> list[list[Case]]:
    """Return the cases asked for, those of one seed and one comparison together."""
    wanted = []
    for name, net, optimizer, seed in product(
        arguments.sets, arguments.nets, arguments.optimizers, range(arguments.seeds)
    ):
        visits = arguments.visits or (SETS[name].visits if name in SETS else 15)
        for rate in arguments.rates or OPTIMIZERS[optimizer]["rates"]:
            same = name, net, optimizer, rate, visits, arguments.batch_size, arguments.split, seed
            wanted.append([Case(*same, policy) for policy in arguments.policies])
    return wanted


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names: dict[str, Any] = {"type": lambda text: text.split(",")}
    parser.add_argument("--sets", **names, required=True)
    parser.add_argument("--nets", **names, default=["shallow"])
    parser.add_argument("--policies", **names, default=["full", "auto", "fixed", "random", "twice"])
    parser.add_argument("--optimizers", **names, default=["sgd"])
    parser.add_argument("--rates", type=lambda text: [float(rate) for rate in text.split(",")])
    parser.add_argument("--visits", type=float)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--batch-size", type=lambda text: text if text == "auto" else int(text), default=100
    )
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", default="policy_study.json")
    arguments = parser.parse_args(argv)
    for name, allowed in (("policies", {*POLICIES, "random"}), ("optimizers", {*OPTIMIZERS})):
        unknown = set(getattr(arguments, name)) - allowed
        if unknown:
            parser.error(f"--{name} must be of {sorted(allowed)}, however: {sorted(unknown)}.")
    if "random" in arguments.policies and "auto" not in arguments.policies:
        parser.error("--policies must have auto if it has random, whose sizes are those of auto.")
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    path = Path(arguments.out)
    records = json.loads(path.read_text())["runs"] if path.exists() else []
    done = {Case(**{k: r[k] for k in Case.__dataclass_fields__}) for r in records}
    # "random" needs "auto" beside it, so a comparison is made again as a whole.
    missing = [cases for cases in cases_of(arguments) if not done.issuperset(cases)]
    parallel = Parallel(arguments.jobs, return_as="generator_unordered")
    for some in parallel(delayed(run_all_policies)(cases) for cases in missing):
        new = {_key(record) for record in some}
        records = [record for record in records if _key(record) not in new] + some
        write(path, records)
    print("\n".join(table(records)))


def _key(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in Case.__dataclass_fields__)


def write(path: Path, records: list[dict[str, Any]]) -> None:
    """Write the records so that an interrupted run leaves a whole file."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"circumstances": circumstances(), "runs": records}) + "\n")
    partial.replace(path)


if __name__ == "__main__":
    main()
