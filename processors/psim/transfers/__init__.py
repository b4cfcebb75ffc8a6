"""What Withdraw and Funnel share: how an external transfer is agreed, signed, sent and settled."""
