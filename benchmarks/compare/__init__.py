"""Shrinking beside its alternatives: ``python -m benchmarks.compare --dataset FILE.npz``."""
