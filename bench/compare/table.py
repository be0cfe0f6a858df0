"""Aligned tables for the terminal, and the same ones as markdown."""

GAP = "   "


def aligned(header, rows, left=1):
    """Columns as wide as their widest cell; the first `left` columns flush left, the others flush right."""
    lines = [header, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]

    def one(line):
        cells = [cell.ljust(width) if k < left else cell.rjust(width) for k, (cell, width) in enumerate(zip(line, widths))]
        return GAP.join(cells).rstrip()

    return "\n".join([one(header), GAP.join("-" * width for width in widths), *map(one, rows)])


def markdown(header, rows, left=1):
    rule = ["---" if k < left else "---:" for k in range(len(header))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *rows])


def duration(seconds):
    """Three digits in the unit that fits; '-' where nothing was measured."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else "1.00 s"
    return f"{seconds:.3g} s"


def millions(rate):
    return "-" if rate is None else f"{rate / 1e6:.1f} M"


class Report:
    """Prints as it goes, and keeps the same text as markdown."""

    def __init__(self):
        self._markdown = []

    def heading(self, text):
        print(f"\n== {text}\n", flush=True)
        self._markdown.append(f"## {text}")

    def text(self, text):
        print(text, flush=True)
        self._markdown.append(text)

    def bullets(self, lines):
        if lines:
            print("\n".join(f"  - {line}" for line in lines), flush=True)
            self._markdown.append("\n".join(f"- {line}" for line in lines))

    def table(self, title, header, rows, left=1):
        print(f"\n{title}\n\n{aligned(header, rows, left)}\n", flush=True)
        self._markdown += [f"**{title}**", markdown(header, rows, left)]

    def write(self, path):
        path.write_text("\n\n".join(self._markdown) + "\n", encoding="utf-8")
