"""The border: addresses, keysets and transfers of systems outside the network. Pure."""
