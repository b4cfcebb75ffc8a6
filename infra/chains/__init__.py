"""Test chains: real nodes of Bitcoin and Ethereum without a network, and who pays on them.

What is here is for deployments that try tokend out and for its tests. The services know nothing of
it: to them a test chain is an endpoint like any other.
"""
