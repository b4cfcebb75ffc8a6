"""KeyChain: keeps the keys that KYC data is encrypted to, and gives them to whom the ledger allows.

It holds no data that the keys open, and believes nobody about the ledger: its own Horizon proves
who signs for whom, and what their roles allow.
"""
