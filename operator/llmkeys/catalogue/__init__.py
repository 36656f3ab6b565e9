"""What is known of each provider, as data: one YAML file a provider, the loader, and the rules compiled for use."""
