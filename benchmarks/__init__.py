"""Everything that produces a figure; not a part of the installed package.

Run from a checkout, with ``pip install -e '.[benchmarks]'``:

- ``python -m benchmarks.reproduce table2``: the tables and figures of the paper;
- ``python -m benchmarks.compare --dataset FILE.npz``: shrinking beside its alternatives;
- ``python -m benchmarks.tables``: raw tables, beside trees and other nets (``.[rivals]``);
- ``python -m benchmarks.speed``: seconds, microseconds a batch, memory;
- ``python -m benchmarks.policy_study --datasets mnist``: which policy does good, and which harm;
- ``python -m benchmarks.defaults``: what comes without tuning;
- ``python -m benchmarks.weight_decay``: what weight decay does to the default estimator.

All read the data folder that ``SK_SDLR_DATA`` names, take their methods from one table
(``_methods.py``), write runs as JSON (``_store.py``), and do not make again what is written.
"""
