"""What is shown: the border to the terminal, replies as they stream, tables."""
