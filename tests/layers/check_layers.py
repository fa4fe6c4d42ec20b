#!/usr/bin/python3
"""The layer diagram of docs/design.md, section 1, as a check.

A folder under src/ may include only itself and the folders that ALLOWED lists for it. Also: every header
has `#pragma once`; a project header is included as "folder/file.h" and exists; a folder's CMakeLists.txt
links only libraries of allowed folders.

    check_layers.py SRC          checks SRC; exit code 1 and one line per violation
    check_layers.py --self-test  plants each kind of violation and expects to see it, and nothing else
"""

import re
import sys
import tempfile
from pathlib import Path

# From the bottom up: a folder's row names only folders of rows above it.
ALLOWED = {
    "base": [],
    "task": ["base"],
    "disk": ["base", "task"],
    "file": ["base", "task", "disk"],
    "log": ["base", "task", "disk", "file"],
    "rocksdb": ["base", "task", "disk", "file"],
    "library": ["base", "task", "disk", "file"],
    "kafka": ["base"],
    "catalog": ["base", "task", "disk", "rocksdb"],
    "group": ["base", "task", "kafka", "catalog"],
    "transaction": ["base", "task", "kafka", "catalog"],
    "broker": ["base", "task", "disk", "file", "log", "kafka", "catalog", "group", "transaction"],
    "server": ["base", "task", "disk", "file", "log", "rocksdb", "kafka", "catalog", "group", "transaction", "broker"],
    "benchmark": ["base", "task", "disk"],
    "cli": ["base", "task", "disk", "file", "log", "rocksdb", "kafka", "catalog", "group", "transaction", "broker",
            "server", "benchmark"],
}

# The public headers that are the library's doors; the others, such as Result, are every folder's.
DOORS = {f"penstock/{name}.h"
         for name in ["append_file", "block_cache", "engine", "penstock", "read_ahead", "read_file"]}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LINKED = re.compile(r"\bpenstock_(\w+)\b")
# Targets of cmake/ that are no folder.
NOT_FOLDERS = {"options", "module", "test", "shared_library", "report_page"}


def assert_table_is_a_ladder():
    above = []
    for folder, allowed in ALLOWED.items():
        unknown = [name for name in allowed if name not in above]
        assert not unknown, f"ALLOWED[{folder}] names {unknown}, which does not stand above it"
        above.append(folder)


def check_public_include(src, folder, bracket, name):
    """What is wrong with an include of include/penstock/, or nothing."""
    made = src.parent / "cmake" / (name.removeprefix("penstock/") + ".in")
    if bracket == "<":
        return f'in angle brackets; write "{name}"'
    if not (src.parent / "include" / name).is_file() and not made.is_file():
        return "which does not exist"
    if name in DOORS and folder != "library":
        return "which only library/ implements and includes"
    return None


def check_source(src, path):
    folder = path.relative_to(src).parts[0]
    text = path.read_text()
    if path.suffix == ".h" and not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield f"{path}: a header without #pragma once"
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        bracket, name = match.groups()
        target = name.split("/")[0]
        where = f"{path}:{number}: includes {name}"
        if target == "penstock":
            wrong = check_public_include(src, folder, bracket, name)
            if wrong:
                yield f"{where}, {wrong}"
            continue
        # <rocksdb/...> is RocksDB's own header, whose directory has the name of our adapter's folder.
        if bracket == "<" and (target not in ALLOWED or not (src / name).exists()):
            continue
        if bracket == "<":
            yield f'{where} in angle brackets; write "{name}"'
        elif "/" not in name or target not in ALLOWED:
            yield f'{where}; project headers are included as "folder/file.h"'
        elif not (src / name).is_file():
            yield f"{where}, which does not exist"
        if target in ALLOWED and target != folder and target not in ALLOWED[folder]:
            yield f"{where}, but {folder}/ may include only {', '.join([folder] + ALLOWED[folder])}"


def check_links(src, path):
    folder = path.relative_to(src).parts[0]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        for target in LINKED.findall(line.split("#")[0]):
            if target in NOT_FOLDERS or target == folder:
                continue
            if target not in ALLOWED[folder]:
                yield f"{path}:{number}: links penstock_{target}, which {folder}/ may not include"


def check(src):
    violations = []
    for folder in sorted(path for path in src.iterdir() if path.is_dir()):
        if folder.name not in ALLOWED:
            violations.append(f"{folder}: not in the layer diagram")
            continue
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".h", ".cc"):
                violations += check_source(src, path)
            elif path.name == "CMakeLists.txt":
                violations += check_links(src, path)
    return violations


# What is planted in a good tree, and what the report on it must contain.
PLANTED = [
    ("an upward include", {"base/bad.cc": '#include "log/entry.h"\n'}, "base/ may include only base"),
    ("a sideways include", {"kafka/bad.cc": '#include "task/task.h"\n'}, "kafka/ may include only kafka, base"),
    ("log on kafka", {"log/bad.cc": '  #  include "kafka/codec.h"\n'}, "log/ may include only"),
    ("a header without a guard", {"log/bad.h": "int x;\n"}, "without #pragma once"),
    ("a header that is not there", {"log/bad.cc": '#include "base/gone.h"\n'}, "which does not exist"),
    ("a header without its folder", {"log/bad.cc": '#include "entry.h"\n'}, 'as "folder/file.h"'),
    ("a climbing path", {"log/bad.cc": '#include "../base/bytes.h"\n'}, 'as "folder/file.h"'),
    ("angle brackets", {"log/bad.cc": "#include <base/bytes.h>\n"}, "in angle brackets"),
    ("a public header that is not there", {"log/bad.cc": '#include "penstock/gone.h"\n'}, "does not exist"),
    ("a door of the library", {"log/bad.cc": '#include "penstock/engine.h"\n'}, "only library/"),
    ("a public header in brackets", {"log/bad.cc": "#include <penstock/error.h>\n"}, "in angle brackets"),
    ("a link upwards", {"task/CMakeLists.txt": "penstock_module(task DEPENDS penstock_log)\n"}, "links penstock_log"),
    ("an unknown folder", {"util/misc.h": "#pragma once\n"}, "not in the layer diagram"),
]

GOOD_TREE = {
    "base/bytes.h": "#pragma once\n#include <vector>\n",
    "task/task.h": '#pragma once\n#include "base/bytes.h"\n',
    "log/entry.h": '// A comment.\n#pragma once\n#include "task/task.h"\n',
    "log/entry.cc": '#include "log/entry.h"\n// #include "kafka/codec.h" is not an include\n',
    "log/CMakeLists.txt": "penstock_module(log DEPENDS penstock_task penstock_base)  # not penstock_kafka\n",
    "library/engine.cc": '#include "penstock/engine.h"\n#include "penstock/version.h"\n',
    "../include/penstock/error.h": "#pragma once\n",
    "../include/penstock/engine.h": "#pragma once\n",
    "../cmake/version.h.in": "#pragma once\n",
    "base/error.h": '#pragma once\n#include "penstock/error.h"\n',
    "kafka/codec.h": '#pragma once\n#include "base/bytes.h"\n',
    "rocksdb/file_system.cc": '#include <rocksdb/file_system.h>\n#include "base/bytes.h"\n',
}


def check_tree(files):
    with tempfile.TemporaryDirectory() as directory:
        src = Path(directory) / "src"
        for name, text in files.items():
            (src / name).parent.mkdir(parents=True, exist_ok=True)
            (src / name).write_text(text)
        return check(src)


def self_test():
    found = check_tree(GOOD_TREE)
    assert not found, f"the good tree was refused: {found}"
    for what, files, expected in PLANTED:
        found = check_tree(GOOD_TREE | files)
        assert len(found) == 1 and expected in found[0], f"{what}: expected '{expected}', found {found}"
    print(f"{len(PLANTED)} planted violations, each found, and nothing else")


def main():
    assert_table_is_a_ladder()
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    src = Path(sys.argv[1])
    violations = check(src)
    for violation in violations:
        print(violation)
    files = sum(1 for path in src.rglob("*") if path.suffix in (".h", ".cc"))
    if not files:
        print(f"{src}: no sources; nothing was checked")
        return 1
    print(f"{files} files, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
