"""Whether an interface still answers in the shape that was learned of it."""
