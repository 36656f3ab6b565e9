"""The house in order: where the code lives, how big its rooms are, what they may be called."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "operator"
PRODUCT = SOURCE / "llmkeys"
MODULES = sorted(PRODUCT.rglob("*.py"))
LONGEST = 320
SAYS_NOTHING = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

named = pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def words(name: str) -> set[str]:
    return {word.lower() for word in WORDS.findall(name)}


def test_the_source_root_is_no_package_so_that_operator_is_the_standard_librarys() -> None:
    import operator  # noqa: PLC0415  which one it is, is what the test is about

    assert not (SOURCE / "__init__.py").exists()
    assert operator.itemgetter(1)("ab") == "b"
    assert not str(getattr(operator, "__file__", "")).startswith(str(ROOT))


def test_the_tests_are_no_packages_either() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@named
def test_a_module_says_what_it_is_for(module: Path) -> None:
    text = ast.get_docstring(tree_of(module))
    assert text
    assert text.split("\n\n")[0].rstrip().endswith((".", "?", ":")), text


@named
def test_a_module_is_one_sitting_long(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST


@named
def test_a_name_says_what_it_names(module: Path) -> None:
    assert not words(module.stem) & SAYS_NOTHING
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ClassDef):
            assert not words(node.name) & SAYS_NOTHING, node.name


@pytest.mark.parametrize("folder", sorted({module.parent for module in MODULES}), ids=lambda path: path.name)
def test_a_folder_says_in_a_sentence_what_lives_there(folder: Path) -> None:
    assert ast.get_docstring(tree_of(folder / "__init__.py"))


def provider_ids() -> set[str]:
    return {path.stem for path in (PRODUCT / "catalogue" / "providers").glob("*.yaml")}


def compared_texts(tree: ast.Module) -> Iterator[str]:
    """Every text that the code compares something with, or matches."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            operands: list[ast.AST] = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            operands = [node.value]
        else:
            continue
        for operand in operands:
            for inner in ast.walk(operand):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.value


@named
def test_no_code_asks_which_provider_it_is(module: Path) -> None:
    assert not set(compared_texts(tree_of(module))) & provider_ids()


def test_the_search_for_such_questions_finds_them() -> None:
    questions = ast.parse('if kind == "openai": ...\nif kind in ("a", "ollama"): ...\nmatch kind:\n case "zhipu": ...')
    assert set(compared_texts(questions)) >= {"openai", "ollama", "zhipu"}
    assert {"openai", "ollama", "zhipu"} <= provider_ids()
