"""Reads the signs of a cluster, a namespace and a pod: what is wrong, why, and the command that helps."""
