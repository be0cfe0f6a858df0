"""What nvcc made of the kernels: relaxed accesses of whole packs, adds that wait for nothing, no local memory, few registers."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = ROOT / "cuda" / "kernels"
NVCC = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
FLAGS = ["-std=c++20", "--expt-relaxed-constexpr", "-O3", *(f"-I{ROOT / folder}" for folder in ("cuda", "cuda/include", "src/include"))]
MOST_KERNELS = 40
FORMS = ("racy", "red", "racy_or_red", "any")  # as kernels/device_access.hpp
SCOPES = ("gpu", "system")


class Kernel:
    """One entry of a PTX file, and what ptxas says of it."""

    def __init__(self, symbol, body, resources):
        self.symbol, self.body, self.resources = symbol, body, resources
        name = subprocess.run(["c++filt", symbol], capture_output=True, text=True, check=True).stdout
        forms, scope = re.search(r"Forms\)(\d)", name), re.search(r"Scope\)(\d)", name)
        self.name = name.strip().replace("sounder::", "").replace("cuda::", "").split("(MatrixF")[0].split("(Linear")[0]
        self.forms = FORMS[int(forms[1])] if forms else None
        self.narrow = "narrow_steps" in name
        self.scope = SCOPES[int(scope[1])] if scope else None
        self.registers = int(re.search(r"Used (\d+) registers", resources)[1])
        self.spills = sum(int(n) for n in re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", resources))

    def has(self, instruction):
        return re.search(r"^\s*(?:@!?%p\d+ )?" + instruction, self.body, re.M) is not None


def kernels_of(family):
    with tempfile.TemporaryDirectory() as folder:
        ptx = pathlib.Path(folder) / "kernels.ptx"
        subprocess.run([NVCC, *FLAGS, "-arch=compute_90", "-ptx", KERNELS / f"{family}.cu", "-o", ptx], check=True, capture_output=True)
        text = ptx.read_text()
        said = subprocess.run([str(pathlib.Path(NVCC).with_name("ptxas")), "-arch=sm_90", "-v", ptx, "-o", "/dev/null"], check=True,
                              capture_output=True, text=True).stderr
    resources = dict(re.findall(r"Compiling entry function '(\S+)'(.*?Used \d+ registers)", said, re.S))
    return [Kernel(symbol, body, resources[symbol]) for symbol, body in re.findall(r"\.entry (\S+)\((.*?)\n}", text, re.S)]


class EmittedKernels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not pathlib.Path(NVCC).exists():
            print("skipped: nvcc is not here, so there are no kernels to look at")
            sys.exit(77)
        cls.families = {path.stem: kernels_of(path.stem) for path in KERNELS.glob("*.cu")}
        cls.all = [kernel for kernels in cls.families.values() for kernel in kernels]
        cls.steps = [kernel for kernel in cls.all if kernel.forms]
        cls.narrow = [kernel for kernel in cls.all if kernel.narrow]

    def each(self, kernels, least):
        self.assertGreaterEqual(len(kernels), least)
        for kernel in kernels:
            with self.subTest(kernel=kernel.name):
                yield kernel

    def test_few_enough_to_build(self):
        self.assertGreaterEqual(len(self.all), 20)
        self.assertLessEqual(len(self.all), MOST_KERNELS)

    def test_nothing_is_spilled(self):
        for kernel in self.each(self.all, 20):
            self.assertEqual(kernel.spills, 0)
            self.assertNotIn(".local", kernel.body)

    def test_registers_leave_room_for_many_workers(self):
        for kernel in self.each(self.families["linear"] + self.families["mf"], 15):
            self.assertLessEqual(kernel.registers, 64 if "<256>" in kernel.name else 40)
        for kernel in self.each(self.families["fm"] + self.families["softmax"], 7):
            self.assertLessEqual(kernel.registers, 48)

    def test_cells_are_read_relaxed_and_rows_in_whole_packs(self):
        for kernel in self.each(self.steps, 20):
            scope = {"gpu": "gpu", "system": "sys"}[kernel.scope]
            self.assertTrue(kernel.has(rf"ld\.relaxed\.{scope}\.global"))
            if kernel not in self.families["linear"]:
                self.assertTrue(kernel.has(rf"ld\.relaxed\.{scope}\.global\.v4\.f32"))

    def test_adds_wait_for_nothing(self):
        for kernel in self.each(self.all, 20):
            self.assertFalse(kernel.has(r"atom"))
        for kernel in self.each([k for k in self.steps if k.forms == "red"], 5):
            self.assertTrue(kernel.has(r"red\.relaxed\.gpu\.global\.add(\.v4)?\.f32"))

    def test_racy_forms_store_and_do_not_add_to_rows(self):
        for kernel in self.each([k for k in self.families["mf"] if k.forms == "racy"], 3):
            self.assertTrue(kernel.has(r"st\.relaxed\.gpu\.global\.v4\.f32"))
            self.assertFalse(kernel.has(r"red"))

    def test_rows_of_16_bits_are_read_stored_and_added_to_relaxed_in_whole_words(self):
        for kernel in self.each(self.narrow, 6):
            self.assertTrue(kernel.has(r"ld\.relaxed\.gpu\.global\.v2\.b32"))
            adds = "true>" in kernel.name
            self.assertNotEqual(kernel.has(r"st\.relaxed\.gpu\.global\.v2\.b32"), adds)
            for cells in "bf16x2", "f16x2":
                self.assertEqual(kernel.has(rf"red\.relaxed\.gpu\.global\.add\.noftz\.v2\.{cells}"), adds)
            self.assertFalse(kernel.has(r"(ld|st|red|atom)\S*\.(v4\.f32|[bu]16|b?f16)\b"))
            self.assertLessEqual(kernel.registers, 40)
        for kernel in self.each([kernel for kernel in self.families["reconcile"] if "<true>" in kernel.name], 1):
            for access in "ld", "st":
                self.assertTrue(kernel.has(rf"{access}\.relaxed\.gpu\.global\.v2\.b32"))
            self.assertFalse(kernel.has(r"(red|atom)\S*"))

    def test_mini_batches_read_weights_relaxed_and_add_to_them(self):
        for kernel in self.each(self.families["batch"], 1):
            self.assertTrue(kernel.has(r"ld\.relaxed\.gpu\.global\.f32"))
            self.assertTrue(kernel.has(r"red\.relaxed\.gpu\.global\.add\.f32"))
            self.assertLessEqual(kernel.registers, 40)

    def test_only_kernels_with_red_sys_add_across_the_system(self):
        for kernel in self.each(self.all, 20):
            self.assertEqual(kernel.has(r"(red|atom)\S*\.sys"), kernel.forms == "any")

    def test_the_exchange_never_adds_across_the_system_and_moves_whole_packs(self):
        for kernel in self.each(self.families["reconcile"], 2):
            self.assertTrue(kernel.has(r"ld\.relaxed\.sys\.global\.v4\.f32"))
            self.assertLessEqual(kernel.registers, 104 if "<true>" in kernel.name else 80)

    def test_vectors_are_added_in_whole_packs_without_fused_steps(self):
        for kernel in self.each(self.families["vectors"], 1):
            for access in "ld", "st":
                self.assertTrue(kernel.has(rf"{access}\.global\.v4\.f32"))
            self.assertFalse(kernel.has(r"fma"))
            self.assertLessEqual(kernel.registers, 40)


if __name__ == "__main__":
    unittest.main()
