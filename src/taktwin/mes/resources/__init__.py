"""Who works here: certificates that expire, and what proves that somebody is a person."""
