"""Choose the key, render it, build the Secret: decisions as values, nothing is written here."""
