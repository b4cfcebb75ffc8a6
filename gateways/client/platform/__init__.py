"""Platform as code: a network's roles, rules, key values, assets, pairs and fees in one file."""
