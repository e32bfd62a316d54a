"""The daemon: when probes run, what is kept, what is shown."""
