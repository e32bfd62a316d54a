"""The ground floor: the words every other room uses. Standard library and pydantic only."""
