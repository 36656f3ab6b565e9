"""A module for each product whose files are read, from its words to ours. Pure."""
