"""How many models the answer to a probe lists."""

from llmkeys.catalogue.model import Provider
from llmkeys.probe.models import document_of, models_in
from llmkeys.probe.reply import Reply


def models_listed(reply: Reply, entry: Provider) -> int | None:
    """The number of models; None if the probe lists none, or this answer does not.

    A list that comes in pages is counted as far as its first page goes.
    """
    if (entry.models.path, entry.models.endpoint) != (entry.probe.path, entry.probe.endpoint):
        return None
    found = models_in(document_of(reply), entry)
    return None if found is None else len(found)
