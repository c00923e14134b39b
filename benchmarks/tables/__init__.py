"""Raw tables, by this package and by others: ``python -m benchmarks.tables``."""
