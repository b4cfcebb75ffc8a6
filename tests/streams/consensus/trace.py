"""Prints a hash over every output of a few networks: `python -m tests.streams.consensus.trace`.

Run under several PYTHONHASHSEEDs by `test_determinism`: no order of a set or a hash may show.
"""

import hashlib
from random import Random

from tests.streams.consensus.network import Network
from tests.streams.consensus.test_agreement import NETWORKS, make_flat


def compute_trace_hash() -> str:
    digest = hashlib.sha256()
    for seed, quorum_sets in enumerate((*NETWORKS.values(), make_flat(7, 5))):
        faulty = tuple(quorum_sets)[:2] if seed == len(NETWORKS) else ()
        network = Network(quorum_sets, Random(seed), faulty)
        network.run_wild(steps=1000)
        network.run_fair()
        digest.update("\n".join(network.trace).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    print(compute_trace_hash())  # noqa: T201
