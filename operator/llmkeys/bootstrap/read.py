"""A template from its bytes to what it asks for."""

from collections.abc import Callable, Mapping
from typing import Final

from llmkeys.bootstrap.accounts import template_from
from llmkeys.bootstrap.document import decoded, documents_in
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shape import Shape, shape_of
from llmkeys.bootstrap.shapes.cherry_studio import read_cherry_studio
from llmkeys.bootstrap.shapes.dify import read_dify
from llmkeys.bootstrap.shapes.litellm import read_litellm
from llmkeys.bootstrap.shapes.ours import read_ours
from llmkeys.bootstrap.shapes.ragflow import read_ragflow
from llmkeys.bootstrap.shapes.xedu import read_xedu
from llmkeys.bootstrap.template import MAX_BYTES, Accounts, Template, TemplateInvalidError
from llmkeys.bootstrap.tree import Node, mapping_of
from llmkeys.bootstrap.variables import Variables
from llmkeys.catalogue.lookup import Catalogue

MAX_SEALED_BYTES: Final = 1_000_000
"""The largest document of sealed keys that is read."""

_PRODUCTS: Final[Mapping[Shape, Callable[[Node, Reader], Accounts]]] = {
    Shape.RAGFLOW: lambda root, reader: read_ragflow(mapping_of(root, "the file"), reader),
    Shape.LITELLM: lambda root, reader: read_litellm(mapping_of(root, "the file"), reader),
    Shape.DIFY: read_dify,
    Shape.CHERRY_STUDIO: read_cherry_studio,
    Shape.XEDU: read_xedu,
}


def read_template(text: bytes, variables: Variables, catalogue: Catalogue) -> Template:
    """What a template of any known shape asks for.

    Args:
        text: the template; UTF-8, at most 700 KiB.
        variables: fill `${NAME}` in, and say where one is set.
        catalogue: knows providers by all their names.

    Raises:
        TemplateInvalidError: it cannot be used. Where several parts are wrong it is a TemplateFaultsError, whose text
            has a line for each.

    """
    reader = Reader(variables, catalogue)
    documents = documents_in(decoded(text, MAX_BYTES))
    shape = shape_of(documents, reader)
    if shape is Shape.OURS:
        template = read_ours(documents, reader)
        reader.faults.require_none()
        return template
    accounts = _PRODUCTS[shape](documents[0], reader)
    reader.faults.require_none()
    return template_from(accounts, catalogue)


def read_sealed(text: bytes, catalogue: Catalogue) -> Template:
    """What a document asks for that was planned and sealed before: manifests of ours in which nothing is a variable.

    Args:
        text: the document; UTF-8, at most 1,000,000 bytes.
        catalogue: knows providers by all their names.

    Raises:
        TemplateInvalidError: as for `read_template`; or a key stands in it in clear.

    """
    reader = Reader(Variables({}, literal=True), catalogue)
    documents = documents_in(decoded(text, MAX_SEALED_BYTES))
    if shape_of(documents, reader) is not Shape.OURS:
        raise TemplateInvalidError(documents[0].place, "this holds no manifests with sealed keys.")
    template = read_ours(documents, reader)
    reader.faults.require_none()
    for key in (key for one in template.credentials for key in one.keys):
        if key.clear:
            raise TemplateInvalidError(key.place, f"key {key.name} stands here in clear. Use llmkeys bootstrap FILE.")
    return template
