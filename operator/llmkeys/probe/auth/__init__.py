"""How a credential is shown to a provider: a module for each way to do it, and the registry of their names."""
