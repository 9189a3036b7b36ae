"""Raw capture: each run's rows as the source sent them, one Parquet file an execution (seed 000
"Store Raw Loaded Data").

`place` and `parquet` import pyarrow, which adds some 30 MB to a process; `opening` does not, and
loads them in workers that capture.
"""
