"""What runs in a workload's pod: it has an envelope opened and hands over what is in it. Standard library only.

Python workloads call `load`; it raises an `UnsealError` that says what to do.
"""

from llmkeys.client.errors import UnsealError
from llmkeys.client.loading import load

__all__ = ["UnsealError", "load"]
