"""Running many requests through one transformers model at the same time."""
