"""The one-time bootstrap: read a template of any known shape, plan what to create, tell what came of it. Pure."""
