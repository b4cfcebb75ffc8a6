"""The gateway kit: what all gateways share. It knows no ledger and no gateway."""
