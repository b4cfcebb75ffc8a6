"""Complete programs for integrators, run by the tests; README.md says how."""
