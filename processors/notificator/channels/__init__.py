"""Providers: who takes messages over, each behind the same interface (`base`)."""
