"""Which policy does good, and which does harm: ``python -m benchmarks.policy_study``."""
