"""What all gateways share: documents, problems, paging, streams, limits, the edge."""
