"""The documents name every mode and model, and their tables name no other."""

import os
import pathlib
import re
import subprocess

from program import ProgramTest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Documents(ProgramTest):
    def modes(self):
        return self.compiled_in("modes")

    def compiled_in(self, words):
        line = next(line for line in self.good("--version").stdout.splitlines() if line.startswith(words))
        return set(line.split(maxsplit=1)[1].replace(",", "").split())

    def test_tables_of_modes(self):
        modes = self.modes()
        self.assertIn("hogwild", modes)
        for name in "README.md", "docs/modes.md":
            table = re.search(r"^\| `?(?:--)?mode`? \|.*?\n\n", (ROOT / name).read_text(), re.M | re.S).group()
            self.assertEqual(set(re.findall(r"^\| `(\w+)` \|", table, re.M)), modes, name)

    def test_table_of_models(self):
        models = self.compiled_in("models")
        self.assertIn("logistic", models)
        table = re.search(r"^\| `--model` \|.*?\n\n", (ROOT / "README.md").read_text(), re.M | re.S).group()
        self.assertEqual(set(re.findall(r"^\| `(\w+)` \|", table, re.M)), models)

    def test_every_mode_has_its_file_and_its_block(self):
        for mode in self.modes() - {"serial"}:
            text = (ROOT / "shm/modes" / f"{mode}.cpp").read_text()
            for word in "Mode `", "Guarantee:", "Staleness:", "Cost:", "Blocks when:", "Fails how:", "Source:":
                self.assertIn(word, text, mode)

    def test_links_lead_somewhere(self):
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")

    def test_tables_of_the_gpu(self):
        page = (ROOT / "docs/gpu.md").read_text()
        for flag in "--mode", "--placement", "--update", "--merge", "--gpu-data", "--server-placement":
            said = subprocess.run([os.environ["SOUNDER_BENCH_CUDA"], flag, "?"], capture_output=True, text=True, timeout=60).stderr
            names = set(re.search("give one of (.*)", said).group(1).split(", "))
            table = re.search(rf"^\| `{flag}` \|.*?\n\n", page, re.M | re.S).group()
            self.assertEqual(set(re.findall(r"^\| `(\w[\w-]*)` \|", table, re.M)), names, flag)
