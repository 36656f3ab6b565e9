"""Everything that seals, opens, recognises and hides key material. No Kubernetes, no I/O, no clock."""
