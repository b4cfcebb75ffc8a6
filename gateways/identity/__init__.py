"""What KeyServer, API and clients must agree on: e-mail addresses, and statements about them."""
