"""The HTTPS service that opens envelopes for pods which prove who they are."""
