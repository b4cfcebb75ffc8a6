"""The client library: keys, transactions, clients over HTTP and Kafka, proofs."""
