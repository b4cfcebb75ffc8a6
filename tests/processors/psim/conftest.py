"""Archives of nodes, which instances begin with."""

from tests.streams.node.conftest import make_node

__all__ = ["make_node"]
