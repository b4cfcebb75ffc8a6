"""How often anything may be guessed. Counted exactly, before it is evaluated, by all processes.

Addresses that have a wallet and others are counted alike. An owner whose wallet others try to open
gets in by a device that is known, or by a lane that is mailed: both are counted for themselves.
"""

from gateways.http.strict_counters import StrictLimit

SECRETS = StrictLimit("unlock", 5, 1, 840, 100)
SECRETS_OF_DEVICE = StrictLimit("unlock-device", 5, 1, 840, 100)
SECOND_FACTORS = StrictLimit("second-factor", 5, 5, 3_600, 20)
CODES = StrictLimit("code", 5, 2, 3_600, 20)
SIGNUPS = StrictLimit("sign-up", 5, 10, 3_600, 20)
LANES = StrictLimit("lane", 3, 60, 7_200, 5)
RECOVERIES = StrictLimit("recovery", 3, 10, 3_600, 10)
LANE_TRIES = 5
