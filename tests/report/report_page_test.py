#!/usr/bin/python3
"""The page of `penstock bench`'s reports in Chromium: it shows the numbers of its JSON and no others, without errors,
on a desktop, on a phone, in light and dark, and in print.

    report_page_test.py --page REPORT.html --json REPORT.json   a report that penstock bench wrote (again for more)
    report_page_test.py --uplot DIR                             reports made of samples/, DIR being the npm package
    report_page_test.py --uplot DIR --self-test                 plants each kind of error and expects to see it
    report_page_test.py --program PENSTOCK                      a report that it writes now, of a second's measurement

--artefacts DIR keeps screenshots and print. Exit code 1 and one line per problem; 77 where there is no Chromium.
"""

import argparse
import copy
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import browser  # noqa: E402
from expected import Expected, key  # noqa: E402

HERE = Path(__file__).resolve().parent
BUNDLE = HERE.parents[1] / "src" / "benchmark" / "page" / "bundle.py"
SKIPPED = 77  # ctest's SKIP_RETURN_CODE

DESKTOP, PHONE = 1280, 390  # px
# (width, dark)
VIEWS = {"desktop": (DESKTOP, False), "desktop, dark": (DESKTOP, True), "phone": (PHONE, False),
         "phone, dark": (PHONE, True)}
SCREENSHOT_HEIGHT_MAX = 16000  # px; Chromium takes no larger ones

TEXT_CONTRAST = 4.5  # WCAG 2, level AA
GRAPHICS_CONTRAST = 3.0
# Values are shown with three digits.
TEXT_TOLERANCE = 0.0051
DATA_TOLERANCE = 1e-9  # what writing and reading JSON, and a logarithm, may do to a number

MACHINE = ("processor", "kernel", "file_system", "mount_options", "device", "scheduler", "write_cache")

# Runs in the browser; gets the page's window.
PROBE = """async (page) => {
  const { document, innerWidth } = page
  const root = document.documentElement
  const style = page.getComputedStyle(root)
  const sticking = () => [...document.querySelectorAll('body *')].filter((one) =>
    !one.closest('.scroll, .chart, .unseen, script') && one.getBoundingClientRect().right > root.clientWidth + 1)
    .slice(0, 3).map((one) => one.outerHTML.slice(0, 80))
  const colours = (names) => Object.fromEntries(names.map((name) => {
    const probe = document.body.appendChild(document.createElement('i'))
    probe.style.color = `var(--${name})`
    const rgb = page.getComputedStyle(probe).color.match(/[0-9.]+/g).slice(0, 3).map(Number)
    probe.remove()
    return [name, rgb]
  }))
  const hasInk = (canvas) => canvas.width > 0 &&
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte > 0)
  const text = (id) => document.getElementById(id)?.textContent ?? ''
  const found = {
    drawn: text('drawn'),
    cells: [...document.querySelectorAll('[data-of]')].map((cell) => ({ of: JSON.parse(cell.dataset.of),
      rank: cell.classList.contains('best') ? 'best' : cell.classList.contains('level') ? 'level' : null,
      text: (cell.querySelector('.value') ?? cell).textContent })),
    width: innerWidth,
    scroll_width: root.scrollWidth,
    sticking: sticking(),
    height: root.scrollHeight,
    text: document.body.innerText,
    colours: colours(['paper', 'panel', 'ink', 'soft', 'link', 'bad', 'bad-panel', 'good', 'heat-cell', 'part-ink']),
    lines: colours([0, 1, 2, 3, 4, 5].map((slot) => `target-${slot}`)),
    parts: colours([0, 1, 2, 3, 4, 5, 6, 7].map((slot) => `part-${slot}`)),
    body: [page.getComputedStyle(document.body).color, page.getComputedStyle(document.body).backgroundColor]
      .map((colour) => colour.match(/[0-9.]+/g).slice(0, 3).map(Number)),
    blank: [...document.querySelectorAll('canvas')].filter((canvas) => !hasInk(canvas)).length,
    requests: page.performance.getEntriesByType('resource').map(({ name }) => name),
  }
  document.querySelector('.chart')?.dispatchEvent(new page.KeyboardEvent('keydown', { key: 'ArrowRight' }))
  found.spoken = text('spoken')
  page.dispatchEvent(new Event('beforeprint'))
  await null  // uPlot draws in a microtask
  const body = document.body.getBoundingClientRect()
  found.paper = {
    folded: document.querySelectorAll('details:not([open])').length,
    colours: colours(['paper', 'ink']),
    too_wide: [...document.querySelectorAll('canvas, figure, table')].filter((one) =>
      one.getBoundingClientRect().right > body.right + 1).length,
  }
  page.dispatchEvent(new Event('afterprint'))
  for (const select of document.querySelectorAll('select')) {
    select.selectedIndex = select.length - 1
    select.dispatchEvent(new Event('change'))
  }
  found.drawn_last = text('drawn')
  found.errors = root.dataset.errors ?? null
  return found
}"""

UNIT_ENDINGS = {
    "us": {"\u00b5s": 1, "ms": 1e3, "s": 1e6},
    "bytes": {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40},
    "1/s": {"/s": 1, "M/s": 1e6},
}


def number_in(text, unit):
    """The number that a person reads in a cell, in the data's unit; None for something else."""
    match = re.fullmatch(r"(-?[\d\u202f]+(?:\.\d+)?)\s*(.*)", text)
    factor = UNIT_ENDINGS.get(unit, {unit: 1}).get(match[2]) if match else None
    return None if factor is None else float(match[1].replace("\u202f", "")) * factor


def close(one, other, tolerance):
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12)


def luminance(rgb):
    linear = [value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


# What is wrong with a page: each function yields sentences.

def chart_problems(text, expected):
    drawn = {}
    for chart in json.loads(text or "[]"):
        series, cells = chart.pop("series"), chart.pop("cells", None)
        drawn[key(**chart)] = ({line["label"]: [tuple(point) for point in line["points"]] for line in series}, cells)
    for name in sorted(expected.charts.keys() - drawn.keys()):
        yield f"there is no chart {name}"
    for name in sorted(drawn.keys() - expected.charts.keys()):
        yield f"the data has nothing for the chart {name}"
    for name in sorted(drawn.keys() & expected.charts.keys()):
        series, cells = drawn[name]
        yield from series_problems(name, series, expected.charts[name])
        if cells != expected.heat.get(name):
            yield f"{name}: the heat is not that of the data"


def same_place(shown, wanted):
    """Stages have names, all else has numbers."""
    return shown == wanted if isinstance(wanted, str) else close(shown, wanted, DATA_TOLERANCE)


def series_problems(name, series, wanted):
    if list(series) != list(wanted):
        yield f"{name}: shows {list(series)}, not {list(wanted)}"
        return
    for label, points in wanted.items():
        if len(series[label]) != len(points):
            yield f"{name}, {label}: has {len(series[label])} points, not {len(points)}"
            continue
        for shown, point in zip(series[label], points):
            if not same_place(shown[0], point[0]) or not close(shown[1], point[1], DATA_TOLERANCE):
                yield f"{name}, {label}: shows {shown}, not {point}"
                break


def table_problems(found, expected):
    seen = set()
    for cell in found["cells"]:
        name = key(**cell["of"])
        seen.add(name)
        if name in expected.failed:
            missing = [part for part in ("FAILED", *expected.failed[name]) if part not in cell["text"]]
            if missing:
                yield f"{name}: does not say {missing}"
        elif name in expected.cells:
            value, unit, rank = expected.cells[name]
            shown = number_in(cell["text"], unit)
            if shown is None or not close(shown, value, TEXT_TOLERANCE):
                yield f"{name}: shows {cell['text']!r}, not {value} {unit}"
            if cell["rank"] != rank:
                yield f"{name}: is marked {cell['rank']}, not {rank}"
        elif cell["text"] != "\u2013":
            yield f"{name}: the data has nothing like {cell['text']!r}"
    for name in sorted((expected.cells.keys() | expected.failed.keys()) - seen):
        yield f"no table shows {name}"


def layout_problems(found, width):
    if found["width"] != width:
        yield f"the page was looked at in {found['width']} px, not in {width}"
    if found["scroll_width"] > width or found["sticking"]:
        yield f"the page is wider than {width} px: {found['scroll_width']} px, {found['sticking']}"
    if json.loads(found["drawn"] or "[]") and not found["spoken"]:
        yield "the arrow keys do not tell a chart's values"
    if found["blank"]:
        yield f"{found['blank']} charts are blank"
    if found["paper"]["folded"]:
        yield f"{found['paper']['folded']} parts are folded in print"
    if found["paper"]["too_wide"]:
        yield f"{found['paper']['too_wide']} parts are wider than the paper"


def colour_problems(found, dark):
    colours = found["colours"]
    if (luminance(colours["paper"]) < 0.5) != dark:
        yield f"the background is {colours['paper']}, which is not {'dark' if dark else 'light'}"
    if luminance(found["paper"]["colours"]["paper"]) < 0.5:
        yield "the background is dark in print"
    paper = colours["paper"]
    pairs = {name: (colours[name], paper, TEXT_CONTRAST) for name in ("ink", "soft", "link", "bad", "good")}
    pairs["body"] = (*found["body"], TEXT_CONTRAST)
    pairs["soft on panel"] = (colours["soft"], colours["panel"], TEXT_CONTRAST)
    pairs["bad on bad-panel"] = (colours["bad"], colours["bad-panel"], TEXT_CONTRAST)
    pairs["ink on heat-cell"] = (colours["ink"], colours["heat-cell"], TEXT_CONTRAST)
    for name, rgb in found["lines"].items():
        pairs[name] = (rgb, paper, GRAPHICS_CONTRAST)
    for name, rgb in found["parts"].items():
        pairs[f"part-ink on {name}"] = (colours["part-ink"], rgb, TEXT_CONTRAST)
    for name, (rgb, ground, least) in pairs.items():
        if contrast(rgb, ground) < least:
            yield f"the contrast of {name} is {contrast(rgb, ground):.1f}, less than {least}"


def text_problems(found, data):
    lines = [data["program"], *data["notes"], *data["setup"], *data["setup"].values()]
    lines += [run_event["what"] for run in data["runs"] if run["repeat"] == 1 for run_event in run["events"]]
    lines += [failure for run in data["runs"] for failure in run["failures"]]
    lines += [data["machine"][name] for name in MACHINE if data["machine"].get(name)]
    if not data["complete"]:
        lines.append("Interrupted")
    for line in dict.fromkeys(lines):
        if line not in found["text"]:
            yield f"the page does not say {line!r}"


def looks_of(html, views=tuple(VIEWS)):
    """By view: what the probe found, and the console's messages."""
    return {view: browser.look(html, VIEWS[view][0], PROBE, VIEWS[view][1]) for view in views}


def problems_of(looks, data):
    expected, expected_last = Expected(data), Expected(data, max)
    for view, (found, console) in looks.items():
        width, dark = VIEWS[view]
        problems = [f"the console has {message}" for message in console]
        if found["errors"]:
            problems.append(f"the page has errors: {found['errors']}")
        if found["requests"]:
            problems.append(f"the page has asked for {found['requests']}")
        problems += chart_problems(found["drawn"], expected)
        problems += chart_problems(found["drawn_last"], expected_last)
        problems += table_problems(found, expected)
        problems += text_problems(found, data)
        problems += layout_problems(found, width)
        problems += colour_problems(found, dark)
        yield from (f"{view}: {problem}" for problem in problems)


def keep_artefacts(page, html, looks, directory):
    directory.mkdir(parents=True, exist_ok=True)
    for view, (found, _) in looks.items():
        width, dark = VIEWS[view]
        out = directory / f"{page.stem}.{view.replace(', ', '-')}.png"
        browser.screenshot(html, out, width, min(found["height"], SCREENSHOT_HEIGHT_MAX), dark)
    browser.print_to_pdf(page, directory / f"{page.stem}.pdf")


def made_of(sample, uplot, directory):
    """A whole report with the data of a sample."""
    out = Path(directory) / f"{sample.stem}.html"
    subprocess.run([sys.executable, BUNDLE, "--uplot", uplot, "--html", sample, out], check=True)
    return out


def made_by(program, directory):
    """The page and the data of a small measurement."""
    page, data = Path(directory) / "program.html", Path(directory) / "program.json"
    subprocess.run([program, "bench", "disk", directory, "--seconds", "1", "--space", "64MiB", "--html", page, "--json",
                    data], check=True, stdout=subprocess.DEVNULL)
    return page, data


def check(pairs, artefacts):
    count = 0
    for page, json_file in pairs:
        html, data = page.read_text(encoding="utf-8"), json.loads(json_file.read_text(encoding="utf-8"))
        looks = looks_of(html)
        for problem in problems_of(looks, data):
            print(f"{page.name}: {problem}")
            count += 1
        if artefacts:
            keep_artefacts(page, html, looks, artefacts)
    print(f"{len(pairs)} reports, {len(VIEWS)} views each: {count} problems")
    return count


# The self-test. A plant changes the page's text, or the data that the page is compared with.

def plant_in_data(change):
    def plant(html, data):
        data = copy.deepcopy(data)
        change(data)
        return html, data
    return plant


def plant_in_page(before, planted):
    return lambda html, data: (html.replace(before, planted + before, 1), data)


def replace_in_page(old, new):
    return lambda html, data: (html.replace(old, new), data)


def other_curve(data):
    data["summaries"][0]["distributions"]["produce"]["curve"][2][1] += 1


def other_second(data):
    data["runs"][0]["seconds"]["produce"]["p99_us"][3] *= 1.001


def other_second_at_last(data):
    next(run for run in data["runs"] if run["repeat"] == 2)["seconds"]["produce"]["p99_us"][3] *= 1.001


def other_heat(data):
    data["runs"][0]["seconds"]["produce"]["heat"][0][2] += 1


def other_stage(data):
    data["runs"][0]["stages"][1]["mean_us"] *= 2


def other_median(data):
    data["summaries"][0]["metrics"]["produce_p99_us"]["median"] *= 1.02


def other_range(data):
    """All ranges touch: nobody is best."""
    for summary in data["summaries"]:
        for metric in summary["metrics"].values():
            metric["low"], metric["high"] = 0, 1e12


def failure_that_is_not_shown(data):
    data["summaries"][0]["failed"] = ["repeat 1: lost 1 message"]


def chart_that_is_not_shown(data):
    for name in ("psi_io", "psi_memory", "psi_cpu", "stolen_percent"):
        data["runs"][0]["samples"][name] = []


def note_that_is_not_shown(data):
    data["notes"].append("The device was busy with something else.")


# By name: the plant, a word of the problem, and the view in which it has to be seen.
PLANTS = {
    "another point of a curve": (plant_in_data(other_curve), "curve", "phone"),
    "another second": (plant_in_data(other_second), "seconds", "phone"),
    "another second of the last repeat": (plant_in_data(other_second_at_last), "seconds", "phone"),
    "another cell of the heat": (plant_in_data(other_heat), "the heat is not", "phone"),
    "another stage": (plant_in_data(other_stage), "stages", "phone"),
    "another median": (plant_in_data(other_median), "produce_p99_us", "phone"),
    "a rank that is not earned": (plant_in_data(other_range), "is marked best, not level", "phone"),
    "a failed target as a fast one": (plant_in_data(failure_that_is_not_shown), "no table shows", "phone"),
    "a chart of nothing": (plant_in_data(chart_that_is_not_shown), "the data has nothing for the chart", "phone"),
    "a note that is not shown": (plant_in_data(note_that_is_not_shown), "does not say", "phone"),
    "a script that throws": (plant_in_page("</body>", "<script>nothing.here()</script>"), "the console has", "desktop"),
    "a script that cannot be read": (plant_in_page("'use strict'", ")"), "the console has", "desktop"),
    "a wide element": (plant_in_page("</header>", "<div style='width: 500px'>wide</div>"), "wider than 390", "phone"),
    "a pale text": (plant_in_page("</head>", "<style>body { color: #aaa !important }</style>"), "contrast of body",
                    "phone"),
    "a picture from elsewhere": (plant_in_page("</header>", "<img src='http://127.0.0.1:9/x.png'>"), "the console has",
                                 "phone"),
    "light in the dark": (replace_in_page("prefers-color-scheme: dark", "prefers-color-scheme: none"), "is not dark",
                          "phone, dark"),
    "print as on the screen": (replace_in_page("'beforeprint'", "'never'"), "folded in print", "phone, dark"),
    "no keyboard": (replace_in_page("'keydown'", "'never'"), "arrow keys", "phone"),
}


def problems_when_planted(html, data, view):
    try:
        return list(problems_of(looks_of(html, [view]), data))
    except AssertionError as error:  # no page at all
        return [str(error)]


def self_test(html, data):
    missed = 0
    clean = [problem for view in VIEWS for problem in problems_when_planted(html, data, view)]
    for problem in clean:
        print(f"nothing planted, yet: {problem}")
    for name, (plant, word, view) in PLANTS.items():
        found = problems_when_planted(*plant(html, data), view)
        if not any(word in problem for problem in found):
            print(f"{name}: not found; what was found is {found}")
            missed += 1
    print(f"{len(PLANTS)} planted errors, {missed} not found")
    return missed + len(clean)


def main():
    parser = argparse.ArgumentParser(description="Checks the page of penstock bench's reports in Chromium.")
    parser.add_argument("--page", type=Path, action="append", default=[], help="a report; --json is its data")
    parser.add_argument("--json", type=Path, action="append", default=[])
    parser.add_argument("--uplot", type=Path, help="node_modules/uplot: make reports of the samples")
    parser.add_argument("--program", type=Path, help="let it write a report in --work-dir")
    parser.add_argument("--work-dir", type=Path, help="for what is made here; --program's on a real file system")
    parser.add_argument("--artefacts", type=Path, help="keep screenshots and print here")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if len(options.page) != len(options.json) or not (options.page or options.uplot or options.program):
        parser.error("give --uplot, --program, or for each --page its --json")
    if not browser.executable():
        print("skipped: there is no Chromium; `apt-get install --no-install-recommends chromium` installs it")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="report-", dir=options.work_dir) as directory:
        pairs = list(zip(options.page, options.json))
        if options.program:
            pairs.append(made_by(options.program, directory))
        if options.uplot:
            pairs += [(made_of(sample, options.uplot, directory), sample)
                      for sample in sorted((HERE / "samples").glob("*.json"))]
        if options.self_test:
            page, json_file = pairs[-1]
            return 1 if self_test(page.read_text(encoding="utf-8"), json.loads(json_file.read_text())) else 0
        return 1 if check(pairs, options.artefacts) else 0


if __name__ == "__main__":
    sys.exit(main())
