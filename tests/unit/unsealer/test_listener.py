import asyncio
import socket
import ssl
from datetime import UTC, datetime

import pytest
import trustme

from llmkeys.api.names import UNSEALER_TLS_SECRET
from llmkeys.unsealer.call import MAX_BODY
from llmkeys.unsealer.certificate import CertificateUnusableError, ServingCertificate
from llmkeys.unsealer.limits import Concurrency
from llmkeys.unsealer.listener import listening_socket
from tests.support.wait import eventually_async
from tests.unit.unsealer.serving import Reply, request, serving

SHORT = 0.2


async def trickle(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send a byte at a time, for ever if nobody minds."""
    try:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(SHORT / 20)
    except ConnectionError:
        pass


async def test_a_header_that_comes_by_drops_is_cut_off() -> None:
    async with serving(header_seconds=SHORT) as server:
        client = await server.connect()
        drops = asyncio.create_task(trickle(client.writer, b"POST /v1/unseal HTTP/1.1\r\nX: " + b"x" * 10_000))
        assert await client.closed()
        await drops
    assert server.dropped == ["too-slow"]


async def test_a_connection_that_says_nothing_is_cut_off() -> None:
    async with serving(header_seconds=SHORT) as server:
        client = await server.connect()
        assert await client.closed()
    assert server.dropped == ["too-slow"]


async def test_drops_after_an_answer_are_cut_off_too() -> None:
    async with serving(header_seconds=SHORT) as server:
        client = await server.connect()
        await client.send(server.good())
        assert (await client.reply()).status == 200
        drops = asyncio.create_task(trickle(client.writer, b"POST /v1/unseal HTTP/1.1\r\nX: " + b"x" * 10_000))
        assert await client.closed()
        await drops
    assert server.dropped == ["too-slow"]


async def test_a_body_that_comes_by_drops_is_answered_and_cut_off() -> None:
    async with serving(body_seconds=SHORT) as server:
        client = await server.connect()
        await client.send(request(b"", server.world.token, Content_Length="10000"))
        drops = asyncio.create_task(trickle(client.writer, b"x" * 10_000))
        reply = await client.reply()
        assert await client.closed()
        await drops
    assert (reply.status, reply.json["reason"]) == (408, "TooSlow")
    assert server.world.api.asked == []


async def test_a_body_that_nobody_wants_is_not_read_for_ever() -> None:
    """The token is refused at the header; what follows has as long as a header has."""
    async with serving(header_seconds=SHORT) as server:
        client = await server.connect()
        await client.send(request(b"", "", Content_Length="1000000"))
        assert (await client.reply()).status == 401
        drops = asyncio.create_task(trickle(client.writer, b"x" * 10_000))
        assert await client.closed()
        await drops


async def test_a_slow_answer_is_not_cut_off_by_the_headers_deadline() -> None:
    async with serving(header_seconds=SHORT) as server:
        client = await server.connect()
        body = server.body()
        await client.send(request(body[:10], server.world.token, Content_Length=str(len(body))))
        silent = await server.connect()
        assert await silent.closed()  # the deadline is over
        await client.send(body[10:])
        assert (await client.reply()).status == 200


@pytest.mark.parametrize("chunked", [False, True])
async def test_ten_megabytes_are_refused_without_being_read(chunked: bool) -> None:
    size = 10 * 1024 * 1024
    lengths = {"Content_Length": "", "Transfer_Encoding": "chunked"} if chunked else {"Content_Length": str(size)}

    async with serving() as server:
        client = await server.connect()
        await client.send(request(b"", server.world.token, **lengths))

        async def upload() -> int:
            sent = 0
            chunk = b"x" * 65536
            try:
                while sent < size:
                    await client.send(b"10000\r\n" + chunk + b"\r\n" if chunked else chunk)
                    sent += len(chunk)
            except ConnectionError:
                pass
            return sent

        uploading = asyncio.create_task(upload())
        try:
            reply: Reply | None = await client.reply()
        except (ConnectionError, asyncio.IncompleteReadError):
            reply = None  # cut off while still sending
        await uploading
        assert reply is None or (reply.status, reply.json["reason"]) == (413, "TooLarge")
        await eventually_async(lambda: _seen(server.audit), message="the line about it")
    assert server.audit[0]["reason"] == "TooLarge"
    assert server.world.api.asked == []


async def _seen(lines: list[dict[str, object]]) -> bool:
    return bool(lines)


async def test_a_length_alone_is_enough_to_refuse() -> None:
    async with serving() as server:
        reply = await server.ask(request(b"", server.world.token, Content_Length=str(MAX_BODY + 1)))
    assert (reply.status, reply.headers["connection"]) == (413, "close")


async def test_a_header_larger_than_any_token_is_refused() -> None:
    async with serving() as server:
        client = await server.connect()
        await client.send(b"POST /v1/unseal HTTP/1.1\r\nAuthorization: Bearer " + b"x" * 100_000)
        assert (await client.reply()).status == 400
        assert await client.closed()


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", b"GET\r\n\r\n", b"\0" * 100]
)
async def test_what_is_no_http_is_refused(data: bytes) -> None:
    async with serving(header_seconds=1) as server:
        client = await server.connect()
        await client.send(data)
        answer = await client.reader.read()
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""


async def test_one_address_gets_so_many_connections() -> None:
    async with serving(connections=Concurrency(2, 10)) as server:
        first, _second = await server.connect(), await server.connect()
        third = await server.connect()
        assert await third.closed()
        assert server.dropped == ["too-many"]
        await first.close()

        async def again() -> bool:
            client = await server.connect()
            try:
                await client.send(server.good())
                return (await client.reply()).status == 200
            except (ConnectionError, asyncio.IncompleteReadError):
                return False

        await eventually_async(again, message="a place for the next connection")


def certificate_data(authority: trustme.CA, name: str = "unsealer", **more: object) -> dict[str, bytes]:
    made = authority.issue_cert(name, **more)  # type: ignore[arg-type]
    return {
        "tls.crt": b"".join(pem.bytes() for pem in made.cert_chain_pems),
        "tls.key": made.private_key_pem.bytes(),
    }


class Certificates:
    def __init__(self) -> None:
        self.data: dict[str, bytes] | None = None
        self.asked: list[str] = []
        self.serving = ServingCertificate(self._read)

    async def _read(self, name: str) -> dict[str, bytes] | None:
        self.asked.append(name)
        return self.data


def trusting(*authorities: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for authority in authorities:
        authority.configure_trust(context)
    return context


async def test_a_renewed_certificate_is_served_to_the_next_connection() -> None:
    old, new = trustme.CA(), trustme.CA()
    certificates = Certificates()
    certificates.data = certificate_data(old)
    assert await certificates.serving.load()
    assert not await certificates.serving.load()
    assert certificates.asked == [UNSEALER_TLS_SECRET] * 2

    async with serving(tls=certificates.serving.context) as server:
        before = await server.connect(trusting(old))
        certificates.data = certificate_data(new)
        assert await certificates.serving.load()
        after = await server.connect(trusting(new))
        for client in (before, after):
            await client.send(server.good())
            assert (await client.reply()).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            await server.connect(trusting(old))


async def test_old_tls_is_refused() -> None:
    authority = trustme.CA()
    certificates = Certificates()
    certificates.data = certificate_data(authority)
    await certificates.serving.load()
    outdated = trusting(authority)
    outdated.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(tls=certificates.serving.context) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await server.connect(outdated)


async def test_a_certificate_that_does_not_fit_its_key_leaves_the_one_before() -> None:
    authority = trustme.CA()
    certificates = Certificates()
    certificates.data = certificate_data(authority)
    await certificates.serving.load()
    mixed = certificate_data(authority) | {"tls.key": certificate_data(authority)["tls.key"]}
    for damaged in (mixed, {}, None, {"tls.crt": b"", "tls.key": b""}, certificates.data | {"tls.crt": b"-----"}):
        certificates.data = damaged
        with pytest.raises(CertificateUnusableError, match=UNSEALER_TLS_SECRET):
            await certificates.serving.load()
    async with serving(tls=certificates.serving.context) as server:
        client = await server.connect(trusting(authority))
        await client.send(server.good())
        assert (await client.reply()).status == 200


async def test_the_end_of_the_certificate_is_known() -> None:
    end = datetime(2030, 1, 1, tzinfo=UTC)
    certificates = Certificates()
    certificates.data = certificate_data(trustme.CA(), not_after=end)
    await certificates.serving.load()
    assert certificates.serving.not_after == end.timestamp()


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """asyncio sets TCP_NODELAY only on sockets that name their protocol."""
    with listening_socket("127.0.0.1", 0) as one:
        assert one.proto == socket.IPPROTO_TCP
