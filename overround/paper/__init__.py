"""Venues that run here: one matching engine, one ledger of balances, and a wire server per venue on top.

The paper world is the independent witness of what happened: it shares no encoding, signing or settlement code with the
adapters and the engine that trade on it (design, section 4).
"""
