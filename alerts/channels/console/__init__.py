"""Console: plain lines on standard error."""
