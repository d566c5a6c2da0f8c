"""The secretariat's room: Flask-Admin screens behind one closed door; every write calls a service."""
