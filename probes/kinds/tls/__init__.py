"""Whether the certificate of a host is trusted at each of its addresses, and for how long."""
