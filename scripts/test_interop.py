"""Tests that the clients of Tests/Interop stay small, and that what is written about golden files is what is in them."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).parent.parent
INTEROP = ROOT / "Tests/Interop"
TESTDATA = ROOT / "proto/testdata"
GUIDE = (TESTDATA / "README.md").read_text("utf-8")


def byte_tables() -> dict[str, str]:
    """The tables that show a file byte by byte, by its name."""
    sections = re.split(r"^## .*byte by byte$", GUIDE, flags=re.MULTILINE)[1:]
    return {re.search(r"^Of `([\w.]+)`", section, re.MULTILINE)[1]: section for section in sections}


class Interop(unittest.TestCase):
    def test_no_file_has_200_lines(self):
        files = [path for path in INTEROP.rglob("*") if path.is_file() and path.suffix != ".pyc"]
        self.assertGreater(len(files), 20)
        for path in files:
            self.assertLess(path.read_text("utf-8").count("\n"), 200, path)

    def test_links_lead_somewhere(self):
        for page in [INTEROP / "README.md", ROOT / "proto/README.md", TESTDATA / "README.md"]:
            for link in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", page.read_text("utf-8")):
                self.assertTrue((page.parent / link).exists(), f"{page}: {link}")

    def test_every_golden_file_is_listed_with_its_length(self):
        listed = {}
        for names, lengths in re.findall(r"^\| (`[^|]*`) \| ([\d, ]+) \|", GUIDE, re.MULTILINE):
            names, lengths = re.findall(r"`([\w.]+)`", names), re.findall(r"\d[\d,]*(?=, |$)", lengths)
            listed |= zip(names, [int(length.replace(",", "")) for length in lengths], strict=True)
        there = {path.name: path.stat().st_size for path in TESTDATA.iterdir() if path.name != "README.md"}
        self.assertEqual(listed, there)

    def test_bytes_shown_are_those_of_the_file(self):
        tables = byte_tables()
        self.assertEqual(set(tables), {"batch_none.bin", "response.frame"})
        for name, table in tables.items():
            content = (TESTDATA / name).read_bytes()
            rows = re.findall(r"^\| (\d+) \| `([0-9a-f ]+)`", table, re.MULTILINE)
            self.assertGreater(len(rows), 5)
            end = 0
            for at, digits in rows:
                shown = bytes.fromhex(digits)
                self.assertEqual((int(at), content[end : end + len(shown)]), (end, shown), name)
                end += len(shown)


if __name__ == "__main__":
    unittest.main()
