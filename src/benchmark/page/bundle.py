#!/usr/bin/python3
"""Puts the page of a report together: page.html with its styles and scripts in it, and uPlot's.

    bundle.py --uplot DIR OUT.cc                    the C++ source behind benchmark/page.h
    bundle.py --uplot DIR --html DATA.json OUT.html  a whole report, to look at and to test the page

DIR is the package from npm. In page.html, a comment such as `<!-- style page.css -->` stands for the file that it
names, and `<!-- data -->` for the JSON text of a run.
"""

import argparse
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent
INCLUDED = re.compile(r"<!-- (style|script) (\S+) -->")
DATA = "<!-- data -->"
BYTES_IN_A_LINE = 24

SOURCE = """// Made by bundle.py from src/benchmark/page.
#include "benchmark/page.h"

namespace penstock::benchmark {{

namespace {{

// Not string literals, which compilers need not take at this length.
constexpr unsigned char kBeforeData[] = {{
{before}}};

constexpr unsigned char kAfterData[] = {{
{after}}};

}}  // namespace

std::string_view page_before_data() {{
  return {{reinterpret_cast<const char*>(kBeforeData), sizeof(kBeforeData)}};
}}

std::string_view page_after_data() {{
  return {{reinterpret_cast<const char*>(kAfterData), sizeof(kAfterData)}};
}}

}}  // namespace penstock::benchmark
"""


def included(kind, name, uplot):
    """The element with the text of a file of ours or of uPlot's; the latter's licence goes with it."""
    path = PAGE / name
    licence = ""
    if not path.exists():
        path = uplot / "dist" / name
        if kind == "script":
            licence = f"/*! uPlot\n{(uplot / 'LICENSE').read_text().strip()}\n*/\n"
    text = path.read_text(encoding="utf-8").strip()
    if f"</{kind}" in text:
        raise SystemExit(f"{path}: has </{kind} in it, which would end its element")
    return f"<{kind}>\n{licence}{text}\n</{kind}>"


def page_around_data(uplot):
    html = (PAGE / "page.html").read_text(encoding="utf-8")
    before, after = html.split(DATA)
    return [INCLUDED.sub(lambda match: included(*match.groups(), uplot), part) for part in (before, after)]


def array(text):
    data = text.encode()
    lines = (data[start:start + BYTES_IN_A_LINE] for start in range(0, len(data), BYTES_IN_A_LINE))
    return "".join(",".join(map(str, line)) + ",\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(description="Puts the page of a report together.")
    parser.add_argument("--uplot", type=Path, required=True, help="the package: node_modules/uplot")
    parser.add_argument("--html", type=Path, metavar="DATA.json", help="write a whole report, of this data")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    before, after = page_around_data(options.uplot)
    if options.html:
        text = before + options.html.read_text(encoding="utf-8").replace("</", "<\\/") + after
    else:
        text = SOURCE.format(before=array(before), after=array(after))
    options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
