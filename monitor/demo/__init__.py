"""The demo: a small real AI workflow, local providers that speak real protocols, and the daemon watching it."""
