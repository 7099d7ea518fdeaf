"""What a connection lives through in the field, for as long as there is patience: `make soak`."""
