"""Speed and lateness of showup measured on this machine; nothing here is shipped."""
