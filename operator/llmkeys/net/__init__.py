"""What talks to providers: one client, the address guard that it cannot get around, and the failures it reports."""
