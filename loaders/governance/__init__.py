"""Governance: what of loaders, sources and approvals is not as it should be (seed 000, phase 8).

`facts` is what the rules know, `rules` decides (pure), `collection` reads the facts from the
database in a bounded number of queries, `presentation` is what pages, API and command share.
"""
