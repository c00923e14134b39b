"""What `python -m sk_sdlr.reproduce` and `python -m sk_sdlr.compare` share."""
