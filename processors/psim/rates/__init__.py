"""RateSync: what assets are worth, agreed on by providers, then by instances."""
