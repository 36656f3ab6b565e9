from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cluster_components import Binaries, Components, Layout, apiserver_command
from tests.support.cluster_credentials import endpoint, kubeconfig
from tests.support.cluster_source import (
    MODULE,
    Assets,
    Built,
    ClusterUnavailableError,
    Existing,
    build_name,
    cache_folder,
    go_version,
    kubernetes_version,
    required_go,
    resolve,
)


@pytest.fixture
def existing(tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig"
    file.touch()
    return file


def assets(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def test_an_existing_cluster_goes_before_everything(tmp_path: Path, existing: Path) -> None:
    folder = assets(tmp_path / "bin", "etcd", "kube-apiserver")
    environ = {"LLMKEYS_TEST_KUBECONFIG": str(existing), "KUBEBUILDER_ASSETS": str(folder)}

    assert resolve(environ) == Existing(kubeconfig=existing)


def test_a_kubeconfig_that_is_not_there_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailableError, match=r"LLMKEYS_TEST_KUBECONFIG names .*missing, which is not a file"):
        resolve({"LLMKEYS_TEST_KUBECONFIG": str(tmp_path / "missing")})


def test_ready_binaries_go_before_a_build(tmp_path: Path) -> None:
    folder = assets(tmp_path / "bin", "etcd", "kube-apiserver", "kube-controller-manager")

    assert resolve({"KUBEBUILDER_ASSETS": str(folder)}) == Assets(
        etcd=folder / "etcd",
        apiserver=folder / "kube-apiserver",
        controller_manager=folder / "kube-controller-manager",
    )


def test_ready_binaries_need_no_controller_manager_as_envtest_has_none(tmp_path: Path) -> None:
    source = resolve({"KUBEBUILDER_ASSETS": str(assets(tmp_path / "bin", "etcd", "kube-apiserver"))})

    assert isinstance(source, Assets)
    assert source.controller_manager is None


def test_binaries_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailableError, match="holds no etcd and no kube-apiserver"):
        resolve({"KUBEBUILDER_ASSETS": str(assets(tmp_path / "bin"))})


def test_without_either_it_is_built_into_a_cache_folder_named_after_what_it_is_made_of(tmp_path: Path) -> None:
    environ = {"LLMKEYS_TEST_KUBECONFIG": "", "KUBEBUILDER_ASSETS": "", "LLMKEYS_CACHE": str(tmp_path)}

    assert resolve(environ) == Built(folder=tmp_path / build_name(), kubernetes=kubernetes_version())
    assert kubernetes_version().startswith("1.36.")


@pytest.mark.parametrize("changed", ["go.mod", "main.go"])
def test_a_change_in_the_module_gives_another_folder(tmp_path: Path, changed: str) -> None:
    for name in ("go.mod", "main.go"):
        (tmp_path / name).write_bytes((MODULE / name).read_bytes())
    assert build_name(tmp_path) == build_name()

    with (tmp_path / changed).open("a", encoding="utf-8") as file:
        file.write("// changed\n")

    assert build_name(tmp_path) != build_name()


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"LLMKEYS_CACHE": "/own", "XDG_CACHE_HOME": "/xdg", "HOME": "/home/me"}, "/own"),
        ({"XDG_CACHE_HOME": "/xdg", "HOME": "/home/me"}, "/xdg/llmkeys"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache/llmkeys"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache/llmkeys"),
        ({"HOME": "/home/me"}, "/home/me/.cache/llmkeys"),
    ],
)
def test_the_cache_folder_is_where_the_environment_says(environ: dict[str, str], folder: str) -> None:
    assert cache_folder(environ) == Path(folder)


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("go version go1.26.8 linux/amd64\n", (1, 26, 8)),
        ("go version go1.26 linux/arm64\n", (1, 26, 0)),
        ("go version go1.27rc1 linux/amd64\n", (1, 27, -1)),
        ("go version devel go1.28-0123abcd Mon linux/amd64\n", (1, 28, 0)),
        ("go version go1.26.3 X:nocoverageredesign linux/amd64\n", (1, 26, 3)),
        ("bash: go: command not found\n", None),
        ("", None),
    ],
)
def test_a_go_version_is_read_as_go_prints_it(printed: str, version: tuple[int, int, int] | None) -> None:
    assert go_version(printed) == version


@given(st.tuples(*[st.integers(0, 999)] * 3))
def test_every_release_is_read_as_its_numbers(version: tuple[int, int, int]) -> None:
    assert go_version("go version go{}.{}.{} linux/amd64".format(*version)) == version


@given(st.text())
def test_no_text_breaks_the_reading_of_a_version(text: str) -> None:
    found = go_version(text)

    assert found is None or len(found) == 3


def test_a_release_candidate_is_too_old_where_its_release_is_needed() -> None:
    candidate = go_version("go version go1.26rc2 linux/amd64")

    assert candidate is not None
    assert candidate < required_go((MODULE / "go.mod").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("line", "version"), [("go 1.26.0", (1, 26, 0)), ("go 1.25", (1, 25, 0))])
def test_the_go_that_a_module_needs_stands_in_its_go_mod(line: str, version: tuple[int, int, int]) -> None:
    assert required_go(f"module example.com/m\n\n{line}\n") == version


def test_a_kubeconfig_holds_all_that_a_client_needs() -> None:
    content = yaml.safe_load(kubeconfig(server="https://127.0.0.1:1", ca=b"PEM", token="t", namespace="n"))

    assert endpoint(content) == ("https://127.0.0.1:1", b"PEM")
    assert content["users"][0]["user"] == {"token": "t"}
    assert "insecure-skip-tls-verify" not in content["clusters"][0]["cluster"]


def test_the_admin_token_is_in_no_command_line_and_listening_is_on_loopback_alone(tmp_path: Path) -> None:
    layout = Layout.make(tmp_path)
    command = apiserver_command(Path("/kube-apiserver"), layout, audit=False, flags=["--v=2"])

    assert "--bind-address=127.0.0.1" in command
    assert f"--token-auth-file={layout.tokens}" in command
    assert command[-1] == "--v=2"
    assert not any("audit" in str(part) for part in command)


def test_a_component_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho this is why\nexit 3\n", encoding="utf-8")
    broken.chmod(0o755)
    binaries = Binaries(etcd=broken, apiserver=broken, controller_manager=None)
    components = Components(Layout.make(tmp_path), binaries, audit=False, apiserver_flags=())

    with pytest.raises(RuntimeError, match=r"ended with status 3; its log is (?s:.*)this is why"):
        components.start()
    components.stop()

    assert components.pids == {}
