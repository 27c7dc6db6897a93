"""The switchboard: the only place that creates clocks, sockets and stores, and reads settings."""
