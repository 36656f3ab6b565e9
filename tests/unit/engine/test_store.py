from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.credential import CredentialSpec, KeyEntry, LLMCredential, ProviderRef, SecretRef, Target
from llmkeys.api.objects import Key, Metadata
from llmkeys.api.provider import LLMProvider, ProviderSpec
from llmkeys.delivery.manifest import SecretMeta
from llmkeys.engine.store import Store, newer

NAMES = st.sampled_from(["a", "b"])
SOURCES = st.lists(NAMES, max_size=2)


@st.composite
def versions(draw: st.DrawFn) -> LLMCredential:
    metadata = Metadata(
        name=draw(NAMES),
        uid=draw(st.sampled_from(["u1", "u2"])),
        resource_version=str(draw(st.integers(1, 12))),
        namespace=draw(NAMES),
    )
    keys = tuple(KeyEntry(f"k{number}", SecretRef(name)) for number, name in enumerate(draw(SOURCES)))
    spec = CredentialSpec(ProviderRef(draw(NAMES)), keys=keys, target=Target(name=draw(st.none() | NAMES)))
    return LLMCredential(metadata, spec)


def sources_of(one: LLMCredential) -> Iterable[Key]:
    return (Key(one.metadata.namespace, entry.secret_ref.name) for entry in one.spec.keys if entry.secret_ref)


def check_indexes(store: Store) -> None:
    """Every index says exactly what the credentials say."""
    for name in ("a", "b"):
        expected = {one.key for one in store.credentials.values() if one.spec.provider_ref.name == name}
        assert set(store.credentials_of_provider(name)) == expected
        for namespace in ("a", "b"):
            place = Key(namespace, name)
            inside = [one for one in store.credentials.values() if one.metadata.namespace == namespace]
            assert set(store.credentials_of_secret(place)) == {one.key for one in inside if one.secret_name == name}
            assert set(store.credentials_of_source(place)) == {one.key for one in inside if place in sources_of(one)}


@given(st.lists(versions() | st.builds(Key, NAMES, NAMES), max_size=30))
def test_indexes_follow_the_credentials_and_older_versions_change_nothing(steps: list[LLMCredential | Key]) -> None:
    store = Store()
    for step in steps:
        if isinstance(step, Key):
            known = store.credentials.get(step)
            assert store.drop_credential(step) is known
            assert step not in store.credentials
        else:
            known = store.credentials.get(step.key)
            answer = store.put_credential(step)
            stands = store.credentials[step.key]
            same_object = known is not None and known.metadata.uid == step.metadata.uid
            stale = (
                known is not None
                and same_object
                and int(step.metadata.resource_version) <= int(known.metadata.resource_version)
            )
            assert stands == (known if stale else step)
            assert answer is (step if stale else known)
        check_indexes(store)


@given(versions())
def test_an_unchanged_spec_is_kept_once(version: LLMCredential) -> None:
    store = Store()
    store.put_credential(version)
    meta = Metadata(version.metadata.name, version.metadata.uid, "99", version.metadata.namespace)
    copy = CredentialSpec(version.spec.provider_ref, keys=version.spec.keys, target=version.spec.target)
    store.put_credential(LLMCredential(meta, copy))
    assert store.credentials[version.key].spec is version.spec
    assert store.credentials[version.key].metadata == meta


@given(st.lists(st.tuples(st.sampled_from(["u1", "u2"]), st.integers(1, 9)), max_size=12))
def test_older_versions_of_secrets_and_providers_never_replace_newer_ones(seen: list[tuple[str, int]]) -> None:
    store, key = Store(), Key("a", "s")
    stands: tuple[str, int] | None = None
    for uid, version in seen:
        news = stands is None or stands[0] != uid or version > stands[1]
        stands = (uid, version) if news or stands is None else stands
        assert store.put_secret(store.sources, key, SecretMeta(uid, str(version), {})) is news
        provider = LLMProvider(Metadata("p", uid, str(version)), ProviderSpec("openai"))
        assert (store.put_provider(provider) is not provider) is news
        assert (store.sources[key].uid, int(store.sources[key].resource_version)) == stands
        metadata = store.providers["p"].metadata
        assert (metadata.uid, int(metadata.resource_version)) == stands


def test_versions_are_compared_as_numbers() -> None:
    assert newer("10", "9")
    assert not newer("9", "10")
    assert not newer("9", "9")


def test_versions_that_are_no_numbers_are_news_when_they_differ() -> None:
    assert newer("b", "a")
    assert not newer("a", "a")
