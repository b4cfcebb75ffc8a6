"""`make demo`: a network from nothing, one scenario on it told step by step, and nothing left."""
