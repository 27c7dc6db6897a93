"""Job orders: the job state machine of ISA-95 job control, and what is booked on them."""
