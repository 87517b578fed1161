"""Tests that the Swift code in the documentation is code that the tests compile and run."""

import pathlib
import re
import textwrap
import unittest

ROOT = pathlib.Path(__file__).parent.parent
CATALOGUE = ROOT / "Sources/TailraceClient/TailraceClient.docc"
PAGES = [*sorted(CATALOGUE.glob("*.md")), ROOT / "README.md", ROOT / "Sources/TailraceProtobuf/README.md"]
COMPILED = [
    *(ROOT / "Tests/TailraceClientTests/Documentation").glob("*.swift"),
    *(ROOT / "Tests/TailraceProtobufTests").glob("*.swift"),
    *(ROOT / "Sources/Examples").glob("*/*.swift"),
]


def blocks(page: str) -> list[str]:
    """The Swift code of a page."""
    return re.findall(r"^```swift\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def contains(code: str, block: str) -> bool:
    """Whether the lines of `block` stand in `code` one after the other, all of them further in by as much."""
    wanted = textwrap.dedent(block).splitlines()
    lines = code.splitlines()
    for start, line in enumerate(lines):
        if line.lstrip(" ") != wanted[0]:
            continue
        indent = line[: len(line) - len(wanted[0])]
        found = lines[start : start + len(wanted)]
        if found == [indent + text if text else "" for text in wanted]:
            return True
    return False


class Documentation(unittest.TestCase):
    def test_swift_code_is_compiled(self):
        compiled = [path.read_text("utf-8") for path in COMPILED]
        shown = 0
        for page in PAGES:
            for block in blocks(page.read_text("utf-8")):
                shown += 1
                with self.subTest(page=page.name, begins=block.split("\n", 1)[0]):
                    self.assertTrue(any(contains(code, block) for code in compiled), f"is compiled nowhere:\n{block}")
        self.assertGreater(shown, 0)

    def test_every_article_is_on_the_first_page_and_all_links_lead_somewhere(self):
        first = (CATALOGUE / "TailraceClient.md").read_text("utf-8")
        articles = {page.stem for page in CATALOGUE.glob("*.md")} - {"TailraceClient"}
        self.assertEqual(set(re.findall(r"^- <doc:(\w+)>", first, re.MULTILINE)), articles)
        for page in CATALOGUE.glob("*.md"):
            self.assertLessEqual(set(re.findall(r"<doc:(\w+)>", page.read_text("utf-8"))), articles, page.name)

    def test_symbols_that_pages_link_to_are_public(self):
        sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "Sources/TailraceClient").rglob("*.swift"))
        declared = set(re.findall(r"\bpublic [^\n({=]*?\b(?:func|var|let|struct|class|enum|protocol|typealias) (\w+)", sources))
        declared |= set(re.findall(r"^ +case (\w+)", sources, re.MULTILINE)) | {"TailraceClient"}
        for page in CATALOGUE.glob("*.md"):
            for link in re.findall(r"(?<!`)``([\w/().:-]+)``(?!`)", page.read_text("utf-8")):
                names = [re.sub(r"\(.*|-.*", "", name) for name in link.split("/")]
                self.assertEqual([name for name in names if name not in declared], [], f"{page.name}: {link}")

    def test_what_differs_by_a_word_or_by_its_indentation_is_seen(self):
        code = "a {\n    b {\n      c\n    }\n\n    d\n}\n"
        self.assertTrue(contains(code, "b {\n  c\n}\n\nd\n"))
        for block in ["b {\n  e\n}\n", "b {\nc\n}\n", "b {\n  c\n}\nd\n"]:
            self.assertFalse(contains(code, block), block)


if __name__ == "__main__":
    unittest.main()
