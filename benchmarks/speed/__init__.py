"""Seconds, microseconds a batch and memory: ``python -m benchmarks.speed``."""
