"""Who may do what in whose car: scopes, tokens, the trust file, the audit log. No door and no vehicle here."""
