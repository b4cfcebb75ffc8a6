"""Payment services: what they know of the systems outside the network."""
