"""Whether a key is taken, asked for without cost, and with a second key who is to blame when it is not."""
