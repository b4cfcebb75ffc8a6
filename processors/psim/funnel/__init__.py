"""Funnel: what lies at addresses for deposits goes to the hot and the cold wallet."""
