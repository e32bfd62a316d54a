"""What name servers say of a name, and whether each address of it answers."""
