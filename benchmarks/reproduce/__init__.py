"""The experiments of the sDLr paper: ``python -m benchmarks.reproduce table2``.

References
----------
.. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall", 2016.
"""
