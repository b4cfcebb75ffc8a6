"""PSIM's frame and services."""
