"""From files to one checked Catalog."""
