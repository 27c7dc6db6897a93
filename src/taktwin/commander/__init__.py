"""The commander: the one conduit down to machines. It carries what the MES gave it, and decides nothing."""
