"""What the portal costs, measured against floors that no implementation can go under.

`make bench` runs every module that `__main__` lists; docs/benchmarks.md says what they measure.
"""
