"""The small web side: pages, health, metrics, the API and the Unix socket."""
