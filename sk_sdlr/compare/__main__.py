"""Compare shrinking with its alternatives on one set: error, seconds and rows visited."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from math import inf
from pathlib import Path

from tqdm import tqdm

from ..datasets._base import import_optional
from ..experiments._command import check_data, data_or_exit
from ..experiments._sets import SETS, load
from ..experiments._store import Record, RunStore
from ._contestants import ALLOWED, BY_DEFAULT, ONCE, OWN_RATE, run
from ._nets import Net, net_for
from ._picture import draw
from ._table import runs_of, tables


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m sk_sdlr.compare", description=__doc__)
    parser.add_argument("--dataset", required=True, help="mnist, higgs, higgs28, cifar10, FILE.npz")
    parser.add_argument("--data", type=Path, help="the data folder (default: SK_SDLR_DATA)")
    parser.add_argument(
        "--visits", type=budgets, help="of each row, on average; one or more, as in 6,12"
    )
    parser.add_argument("--lr", type=rate, help="of the nets (default: that of the set)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--contestants",
        type=lambda text: text.split(","),
        default=list(BY_DEFAULT),
        help=f"some of {', '.join(ALLOWED)}",
    )
    parser.add_argument("--out", type=Path, default=Path("compared"))
    arguments = parser.parse_args(argv)
    check_data(parser, arguments.data)
    file = Path(arguments.dataset)
    if arguments.dataset not in SETS and not (file.suffix == ".npz" and file.is_file()):
        parser.error(
            f"--dataset must be one of {', '.join(SETS)}, or a file *.npz that is there, "
            f"however: {arguments.dataset!r}."
        )
    unknown = sorted(set(arguments.contestants) - set(ALLOWED))
    if unknown:
        parser.error(f"--contestants must be of {', '.join(ALLOWED)}, however: {unknown}.")
    if arguments.seeds < 1:
        parser.error(f"--seeds must be at least 1, however: {arguments.seeds}.")
    return arguments


def budgets(text: str) -> list[float]:
    """Return numbers that are all at least 1, ascending."""
    numbers = sorted({float(part) for part in text.split(",")})
    if not 1 <= numbers[0] <= numbers[-1] < inf:
        raise argparse.ArgumentTypeError(f"they must be at least 1, however: {text}")
    return numbers


def rate(text: str) -> float:
    """Return a positive number."""
    if not 0 < float(text) < inf:
        raise argparse.ArgumentTypeError(f"it must be positive, however: {text}")
    return float(text)


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    import_optional("matplotlib", "Drawing the picture", "sk_sdlr[experiments]")
    name, net = Path(arguments.dataset).stem, net_for(arguments.dataset)
    store = RunStore(arguments.out / f"{name}.json")
    visits = arguments.visits or list(net.visits)
    if arguments.lr is not None:
        net = net.with_lr(arguments.lr)
        name += f"_lr_{net.lr:g}"
    run_missing(store, arguments, net, visits)
    records = runs_of(store, arguments.dataset, visits, net.lr)
    text = "\n\n".join(tables(records)) + "\n"
    print(text)
    (arguments.out / f"{name}.md").write_text(text)
    picture(records, arguments.out / f"{name}.png", name)


def run_missing(
    store: RunStore, arguments: argparse.Namespace, net: Net, visits: list[float]
) -> None:
    """Make the runs that are not on disk yet, the contestants of a seed one after the other."""
    wanted = [
        {"dataset": arguments.dataset, "contestant": name, "seed": seed, "visits": budget}
        | ({} if name in OWN_RATE else {"lr": net.lr})
        for seed in range(arguments.seeds)
        for budget in visits
        for name in arguments.contestants
        if budget == visits[-1] or name not in ONCE
    ]
    missing = [settings for settings in wanted if store.find(settings) is None]
    if not missing:
        return
    with data_or_exit():
        data = load(arguments.dataset, arguments.data)
    net.make(data, max_visits=1 / len(data.y)).fit(data.X, data.y)  # what torch does once only
    with tqdm(missing, desc=arguments.dataset) as bar:
        for settings in bar:
            bar.set_postfix_str(f"{settings['contestant']}, seed {settings['seed']}")
            name, seed = settings["contestant"], settings["seed"]
            store.add(settings, run(name, net, data, settings["visits"], seed))


def picture(records: list[Record], path: Path, title: str) -> None:
    """Draw the picture into a file."""
    import matplotlib.pyplot as plt

    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = plt.figure(figsize=(10, 3.8), layout="constrained")
        draw(figure, records, title)
        figure.savefig(path, dpi=150)
        plt.close(figure)
    print(f"written: {path}")


if __name__ == "__main__":
    main()
