"""Who worked where, and on what: stays, indirect time, what one shift leaves to the next."""
