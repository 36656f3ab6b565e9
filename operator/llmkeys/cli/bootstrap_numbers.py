"""Where an operator's bootstraps are, told by their stories."""

from llmkeys.bootstrap.story import RunStory


def last_finished(runs: tuple[RunStory, ...]) -> int:
    """The number of the last bootstrap that has a receipt, 0 if there is none."""
    return max((one.number for one in runs if one.finished), default=0)


def under_way(runs: tuple[RunStory, ...]) -> int:
    """The number of the bootstrap that was planned and has no receipt yet, 0 if there is none."""
    return next((one.number for one in runs if one.plan is not None and not one.finished), 0)
