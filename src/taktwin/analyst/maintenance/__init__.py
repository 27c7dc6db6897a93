"""Tools and assets that wear: when they leave their window, and when to change them."""
