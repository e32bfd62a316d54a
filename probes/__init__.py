"""showup for authors of probes."""
