"""Withdraw: requests for withdrawals are paid outside, once, or given back."""
