"""What talks to the API server: the client, the watches, kopf's handlers. Nothing else knows a watch event's shape."""
