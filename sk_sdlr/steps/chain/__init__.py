"""The closed form: a net as a chain of layers, each with a forward and a backward of its own."""
