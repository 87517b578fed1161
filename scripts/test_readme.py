"""Tests that the README shows what is really there."""

import pathlib
import re
import unittest

SCRIPTS = pathlib.Path(__file__).parent
ROOT = SCRIPTS.parent
README = (ROOT / "README.md").read_text("utf-8")


class Readme(unittest.TestCase):
    def test_the_client_is_the_file_to_the_letter_and_short(self):
        client = (SCRIPTS / "example_client.py").read_text("utf-8")
        self.assertIn(f"```python\n{client}```\n", README)
        self.assertLessEqual(client.count("\n"), 40)

    def test_every_limit_of_serve_is_in_the_table_with_its_bound(self):
        options = (ROOT / "Sources/tailrace/Serve/LimitOptions.swift").read_text("utf-8")
        bounds = re.findall(r'\("(--[a-z-]+)", \w+, \d[\d_]*\.\.\.(\d[\d_]*)\)', options)
        self.assertEqual(len(bounds), options.count("@Option"))
        rows = [line for line in README.splitlines() if line.startswith("|")]
        for flag, highest in bounds:
            row = [row for row in rows if f"`{flag}`" in row]
            self.assertEqual(len(row), 1, f"{flag} is to have one row")
            self.assertRegex(row[0], rf"\b{int(highest):,}\b", flag)

    def test_paths_and_links_lead_somewhere(self):
        shown = set(re.findall(r"`((?:scripts|proto|codegen|Sources|Tests)/[\w./-]*)", README))
        shown |= {link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link}
        self.assertTrue(shown)
        self.assertEqual([path for path in sorted(shown) if not (ROOT / path).exists()], [])


if __name__ == "__main__":
    unittest.main()
