"""Messages that we decided: frozen, versioned, exported. Everything between rooms is spelt here."""
