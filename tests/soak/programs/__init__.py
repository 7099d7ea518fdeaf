"""Programs under test that a scene runs as processes of their own."""
