"""Secrets that cannot print themselves, and the MACs that recognise them. No Kubernetes, no I/O."""
