import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest
import structlog

from llmkeys.crypto.secret import Secret
from llmkeys.telemetry.logs import configure

CANARY = "sk-canary0123456789abcdefABCDEF"
Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("kopf.objects", "aiohttp.access", "asyncio")}
    hooks = sys.excepthook, threading.excepthook
    with warnings.catch_warnings():
        yield
        logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, own in levels.items():
        logging.getLogger(name).setLevel(own)
    sys.excepthook, threading.excepthook = hooks
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    configure("json", "DEBUG", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def refuse(text: str) -> None:
    raise OSError(f"Cannot connect to https://host/v1?key={text}")


def fail_with(text: str) -> None:
    try:
        refuse(text)
    except OSError as error:
        raise RuntimeError(f"Authorization: Bearer {text}") from error


def test_a_line_of_ours_has_level_logger_time_and_fields(lines: Lines) -> None:
    structlog.get_logger("llmkeys.engine").info("reconciled", namespace="team-a", name="openai", seconds=0.012)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")  # type: ignore[attr-defined]
    assert line == {
        "event": "reconciled",
        "namespace": "team-a",
        "name": "openai",
        "seconds": 0.012,
        "level": "info",
        "logger": "llmkeys.engine",
    }


def test_bound_context_is_in_every_line(lines: Lines) -> None:
    with structlog.contextvars.bound_contextvars(object="team-a/openai"):
        structlog.get_logger().info("probed")
    assert lines()[0]["object"] == "team-a/openai"


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("logger", ["kopf.activities", "aiohttp.client", "asyncio", "anything"])
def test_an_exception_of_any_logger_is_redacted_with_its_cause_and_traceback(
    stream: io.StringIO, form: str, logger: str
) -> None:
    configure(form, "INFO", stream)  # type: ignore[arg-type]
    local_variable = CANARY
    try:
        fail_with(local_variable)
    except RuntimeError:
        logging.getLogger(logger).exception("Handler failed for %s", f"https://user:{CANARY}@host/")
        structlog.get_logger(logger).exception("failed", url=f"https://host/?key={CANARY}")
    text = stream.getvalue()
    assert CANARY not in text
    assert text.count("The above exception was the direct cause") == 2
    assert text.count("fail_with") >= 2


def test_every_kind_of_field_is_redacted(lines: Lines) -> None:
    class Talkative:
        def __str__(self) -> str:
            return f"key={CANARY}"

    structlog.get_logger().info(
        f"event {CANARY}",
        plain=CANARY,
        secret=Secret(CANARY),
        nested={"headers": [("authorization", CANARY)], CANARY: {"deep": {CANARY}}},
        raw=CANARY.encode(),
        error=ValueError(CANARY),
        thing=Talkative(),
        endless=[[[[[[[[CANARY]]]]]]]],
    )
    assert CANARY not in json.dumps(lines())


def test_a_field_whose_name_says_secret_is_blanked_whatever_it_looks_like(lines: Lines) -> None:
    structlog.get_logger().info("x", api_key="hunter2", headers={"Authorization": "hunter2"}, token=None)
    (line,) = lines()
    assert "hunter2" not in json.dumps(line)
    assert line["token"] is None


def test_a_queue_key_is_no_secret(lines: Lines) -> None:
    structlog.get_logger().info("queued", key="team-a/openai")
    assert lines()[0]["key"] == "team-a/openai"


def test_the_object_that_kopf_logs_about_is_named(lines: Lines) -> None:
    reference = {"kind": "LLMCredential", "namespace": "team-a", "name": "openai", "uid": "1"}
    logging.getLogger("kopf.objects").warning("Patching failed", extra={"k8s_ref": reference})
    assert lines()[0]["object"] == "LLMCredential/team-a/openai"


def test_talkative_loggers_are_quiet(lines: Lines) -> None:
    logging.getLogger("kopf.objects").info("Handler succeeded")
    logging.getLogger("aiohttp.access").critical("GET /")
    logging.getLogger("asyncio").debug("Using selector")
    assert lines() == []


def test_levels_below_the_configured_one_are_not_written(stream: io.StringIO) -> None:
    configure("json", "WARNING", stream)
    structlog.get_logger().info("x")
    logging.getLogger("kopf").info("x")
    assert stream.getvalue() == ""


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError):
        configure("json", "LOUD", io.StringIO())


def test_handlers_of_others_are_taken_off_because_they_would_not_redact(stream: io.StringIO) -> None:
    around = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(around))
    configure("json", "INFO", stream)
    logging.getLogger("kopf").warning(CANARY)
    assert around.getvalue() == ""
    assert CANARY not in stream.getvalue()


def test_a_line_that_cannot_be_formatted_is_not_printed_raw(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("json", "INFO", stream)
    logging.getLogger("kopf").warning("%d things", CANARY)
    assert "could not be written" in stream.getvalue()
    assert CANARY not in stream.getvalue() + capsys.readouterr().err


def test_a_str_that_raises_costs_the_field_and_not_the_line(lines: Lines) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError(CANARY)

    structlog.get_logger().info("x", thing=Broken())
    assert lines()[0]["thing"] == "<Broken: ValueError>"


def test_text_with_stray_bytes_is_written(lines: Lines) -> None:
    structlog.get_logger().info("x", text=b"\xff".decode("utf-8", "surrogateescape"))
    assert len(lines()) == 1


def test_warnings_and_threads_go_through_the_log(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"api_key={CANARY}", stacklevel=1)
    thread = threading.Thread(target=fail_with, args=(CANARY,))
    thread.start()
    thread.join()
    written = lines()
    assert [line["logger"] for line in written] == ["py.warnings", "llmkeys"]
    assert CANARY not in json.dumps(written)


def test_an_uncaught_exception_ends_the_process_with_a_redacted_line() -> None:
    code = (
        f"from llmkeys.telemetry.logs import configure; configure(); raise SystemError('{CANARY[:3]}' + '{CANARY[3:]}')"
    )
    paths = [path for path in sys.path if path]
    done = subprocess.run(  # noqa: S603 - this interpreter, with the line above
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stderr)["event"] == "uncaught exception"
    assert CANARY not in done.stderr
