"""Payment gateways: deposits by their events, payouts by an idempotency key."""
