"""Work that is submitted, and whose results show up later and elsewhere."""
