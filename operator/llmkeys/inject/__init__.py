"""The lines by which a pod gets its credentials, written into manifests whose every other byte stays. Pure."""
