"""After a bootstrap: everybody is told that it is done, and that a later edit of the template changes nothing."""

import msgspec

from llmkeys.api.names import BOOTSTRAP_INPUTS
from llmkeys.bootstrap.comparison import differences, input_mac, named
from llmkeys.bootstrap.notes import Notes
from llmkeys.bootstrap.records import ReceiptRecord
from llmkeys.bootstrap.template import TemplateInvalidError
from llmkeys.crypto.mac import MacKey, same
from llmkeys.engine.bootstrap_effects import BootstrapKeys, BootstrapObserver, InputObject
from llmkeys.engine.bootstrap_notes import NoteBook
from llmkeys.engine.bootstrap_planning import Planner
from llmkeys.engine.bootstrap_telling import IGNORED, Message, Teller, done


class Aftermath:
    """What follows a receipt.

    Args:
        keys: make the digests by which an edit is known.
        planner: reads an edited template.
        teller: tells people.
        observer: told too.

    """

    def __init__(self, keys: BootstrapKeys, planner: Planner, teller: Teller, observer: BootstrapObserver) -> None:
        self._keys = keys
        self._planner = planner
        self._teller = teller
        self._observer = observer

    async def close(self, book: NoteBook, receipt: ReceiptRecord, found: InputObject) -> None:
        """Tell that it is done; the receipt stands for the notes from now on."""
        await self._teller.tell(found, done(receipt))
        await book.write(lambda notes: Notes(ignored=notes.ignored, finished=True))

    async def compare(self, book: NoteBook, receipt: ReceiptRecord, found: InputObject) -> None:
        """Tell of an edit, once; an emptied Secret is none."""
        mac = self._keys.mac_of(receipt.mac_key)
        if mac is None:
            return  # the key of the receipt's digests is gone: nobody can tell any more
        digest = input_mac(found.data, mac)
        if not any(entry in found.data for entry in BOOTSTRAP_INPUTS) or same(digest, receipt.input_mac):
            await self._unchanged(book)
            return
        told = book.notes.ignored
        if told is not None and same(told.input_mac, digest):
            self._observer.ignores(edited=True)
            return
        text = await self._edit(receipt, found, mac)
        if not text:
            await self._unchanged(book)
            return
        self._observer.ignores(edited=True)
        await self._teller.ignores(found, book, Message(IGNORED, text, receipt.number, digest))

    async def _unchanged(self, book: NoteBook) -> None:
        """The template asks for what was consumed, whatever it asked for meanwhile."""
        self._observer.ignores(edited=False)
        await book.write(lambda notes: msgspec.structs.replace(notes, ignored=None))

    async def _edit(self, receipt: ReceiptRecord, found: InputObject, mac: MacKey) -> str:
        """What to say of an edit; nothing where the template asks for what it asked for."""
        try:
            wanted = await self._planner.wanted(found, mac)
        except TemplateInvalidError as error:
            what = f"It cannot be used any more, either: {error}"
        else:
            changed = differences(receipt.objects, wanted.lines)
            if not changed:
                return ""
            what = f"It differs in: {named(changed)}."
        return (
            f"The template was changed after bootstrap {receipt.number} had consumed it; that changes nothing. {what} "
            "To create what is missing: llmkeys bootstrap --again. What is there is changed with kubectl."
        )
