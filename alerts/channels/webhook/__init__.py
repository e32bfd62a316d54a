"""Webhook: signed JSON to an address of your own."""
