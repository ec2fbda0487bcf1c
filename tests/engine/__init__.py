"""The engine in this process, without kernels."""
