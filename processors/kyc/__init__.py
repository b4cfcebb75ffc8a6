"""Cases of KYC: what became of each request for a role or for new signers, from the ledger and
from kyc.events. Ids and codes only.
"""
