"""The nodes' own network: TCP, mutually authenticated, encrypted, bounded, configured peers only.

It carries opaque messages between neighbours and knows nothing of what they say; it relays
nothing by itself. `interface` is what a runner needs to see, `overlay` connects and broadcasts,
`connection` is one established link, `handshake` makes the keys, `queues` bounds and orders what
waits.
"""
