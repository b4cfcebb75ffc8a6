"""What users build with: keys, transactions, a client, proofs, the verbs of the CLI."""
