"""What a provider's status page says: the keeper asks for it, no user writes it."""
