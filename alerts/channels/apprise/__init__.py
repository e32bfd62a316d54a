"""Apprise: one way to everything else: SMS, voice, mail, Telegram, Teams, Discord. It tells, and hears nothing back."""
