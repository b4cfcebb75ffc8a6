-- A wallet's own key asks for statements about it.

CREATE INDEX wallets_signer ON keyserver.wallets (signer);
