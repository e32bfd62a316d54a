"""Alembic's home: env.py and the numbered versions, used from inside the package without an .ini file."""
