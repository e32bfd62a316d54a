"""Requests in steps: get, post and the rest, and questions among them."""
