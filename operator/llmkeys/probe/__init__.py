"""Build the request that proves a key, read the answer as a verdict, decide when to look again."""
