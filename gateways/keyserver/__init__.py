"""KeyServer: client-side encrypted keys, given to whoever proves that he knows the secret."""
