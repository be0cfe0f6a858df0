"""What the compiler made of the hot loops: no locked instruction in the lock-free ones, whole vectors on dense rows."""

import pathlib
import re
import shutil
import subprocess
import sys
import unittest

from program import BENCH

MICRO = str(pathlib.Path(BENCH).with_name("micro_access"))
REGISTERS = {"avx512": ("zmm", 16), "avx2": ("ymm", 8), "base": ("xmm", 4)}  # by the namespace of the kernels: floats each

# A locked instruction, or xchg with memory, which locks by itself.
LOCKED = re.compile(r"\block\b|\bxchg\b.*\(")


def disassembly(program):
    """The instructions of every function `steps<MODEL, ACCESS>` of a program: {(isa, model, access): [line]}."""
    text = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", program], capture_output=True, text=True, check=True).stdout
    functions = {}
    for block in text.split("\n\n"):
        head = re.match(r"[0-9a-f]+ <.*?sounder::(\w+)::detail::steps<sounder::(.+), (.+?)>\(", block)
        if head:
            isa, model, access = (part.replace("sounder::", "").replace("(anonymous namespace)::", "") for part in head.groups())
            # a loop split into hot and cold parts is one function
            functions.setdefault((isa, model.replace(" ", ""), access.replace(" ", "")), []).extend(block.splitlines()[1:])
    return functions


def stores(lines, register):
    """Stores of a whole register to memory; what goes to the stack is a spilled register, not a cell."""
    return [line for line in lines if re.search(rf"\bv?mov[au]ps\b.*%{register}\d+,.*\(", line) and "(%rsp" not in line and "(%rbp" not in line]


def scalar_stores(lines):
    return [line for line in lines if re.search(r"\b(vmovss|movss)\b.*%xmm\d+,.*\(|\bmov\b +%e\w+,.*\(", line) and "(%rsp" not in line and "(%rbp" not in line]


class EmittedCode(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("objdump"):
            print("skipped: objdump is not installed (package binutils)")
            sys.exit(77)
        if b"__asan_" in subprocess.run(["nm", BENCH], capture_output=True, check=True).stdout:
            print("skipped: a sanitizer's own code is in every loop of this build")
            sys.exit(77)
        cls.bench, cls.micro = disassembly(BENCH), disassembly(MICRO)

    def of_access(self, name):
        found = {key: lines for key, lines in self.bench.items() if key[2].startswith(name)}
        self.assertGreater(len(found), 5, f"no kernels of access {name}")
        return found

    def test_lock_free_loops_hold_no_locked_instruction(self):
        for access in ("Relaxed<", "Gather"):
            for key, lines in self.of_access(access).items():
                self.assertGreater(len(lines), 40, key)
                self.assertEqual([line for line in lines if LOCKED.search(line)], [], key)

    def test_control_atomic_loops_hold_them(self):
        for key, lines in self.of_access("Atomic<").items():
            if key[1] == "SimplexCut":
                continue  # its rows are long: the loop calls them
            self.assertTrue(any(LOCKED.search(line) for line in lines), key)

    def test_dense_rows_move_as_whole_vectors(self):
        seen = 0
        for (isa, model, access), lines in self.bench.items():
            width = re.fullmatch(r"MatrixFactorization<(\d+)>", model)
            if not width or access != "Relaxed<Sgd>":
                continue
            seen += 1
            register, floats = REGISTERS[isa]
            vectors = 2 * int(width.group(1)) // floats  # the rows of a user and of an item
            if vectors <= 16:  # more are a loop
                self.assertGreaterEqual(len(stores(lines, register)), vectors, (isa, model))
            self.assertGreater(len(stores(lines, register)), 0, (isa, model))
            self.assertEqual(scalar_stores(lines), [], (isa, model))
        self.assertGreaterEqual(seen, 4)

    def test_control_relaxed_atomics_move_single_floats(self):
        rows = [(isa, lines) for (isa, model, access), lines in self.micro.items()
                if model.startswith("MatrixFactorization") and "AtomicCells" in access]
        self.assertEqual(len(rows), 1)
        isa, lines = rows[0]
        self.assertEqual(stores(lines, REGISTERS[isa][0]), [])
        self.assertGreater(len(scalar_stores(lines)), 0)
