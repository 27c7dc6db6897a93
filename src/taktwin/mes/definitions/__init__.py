"""What is made, from what, on what: the plant model's products and routes, as the MES needs them."""
