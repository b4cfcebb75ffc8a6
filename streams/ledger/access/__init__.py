"""Who may do what: rules of account roles and of signer roles (TokenD 2.3)."""
