"""Endorsements from where vendors publish them: what to ask for, fetching, keeping.

Nothing here decides about evidence: the verifiers do, from what a store hands them. What a store
does decide is what may replace what it has: only a document that its vendor signed, and never an
older one. Start reading at `store.py`.
"""
