"""What a reply means, what is known of a provider, and how things stand, as values that a command shows to a person."""
