"""Downloads of signals: read on a session of their own, written as CSV or Parquet while they are
read, so that memory is bounded whatever the range (spec 8).

`parquet_form` imports pyarrow, which adds some 30 MB to a process; the service loads it for who
asks for Parquet.
"""
