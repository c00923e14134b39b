"""Shrinking beside its alternatives, on one set: ``python -m sk_sdlr.compare --dataset higgs``."""
