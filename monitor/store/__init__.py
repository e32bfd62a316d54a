"""What is kept: one database, one connection, one thread, group commits."""
