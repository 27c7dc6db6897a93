"""Physical assets into roles of equipment and out of them."""
