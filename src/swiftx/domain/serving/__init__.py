"""What a service says: OpenAI's JSON and our requests, in both directions."""
