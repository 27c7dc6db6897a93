"""The past of a plant with its MES, as fast as possible: what it would have written down, without it."""
