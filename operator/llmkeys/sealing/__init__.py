"""Sealed values in manifests: where they stand, what they must be bound to, and how only they are rewritten. Pure."""
