"""Chromium without a window, as far as the page of a report needs it: what a page is after its scripts have run,
screenshots, and print.

Each call is a process of its own with a profile of its own, which ends with the call.
"""

import json
import re
import shutil
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--force-device-scale-factor=1", "--enable-logging=stderr")
DARK = ("--blink-settings=preferredColorScheme=0",)
TIMEOUT_S = 120

# A message that a page or one of its scripts leads to, an exception that nobody catches among them.
CONSOLE = re.compile(r"CONSOLE[^\]]*\] (.*)")

# The page in a frame of the width to test: a window of Chromium cannot be as narrow as a phone. The frame has the
# wrapper's origin, so that PROBE may look into it.
WRAPPER = """<!doctype html>
<meta charset="utf-8">
<style>body {{ margin: 0 }} iframe {{ display: block; width: {width}px; height: {height}px; border: 0 }}</style>
<iframe id="frame"></iframe>
<script type="application/json" id="found"></script>
<script>
const probe = {probe}
const frame = document.getElementById('frame')
frame.addEventListener('load', async () => {{
  const found = probe ? await probe(frame.contentWindow) : null
  document.getElementById('found').textContent = encodeURIComponent(JSON.stringify(found))
}})
frame.srcdoc = {page}
</script>
"""
FOUND = re.compile(r'id="found">([^<]*)</script>')


def executable():
    """The browser's path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def run(url, *flags):
    """Standard output, and the console's messages."""
    with tempfile.TemporaryDirectory(prefix="report-browser-") as profile:
        command = [executable(), *FLAGS, f"--user-data-dir={profile}", *flags, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return done.stdout, CONSOLE.findall(done.stderr)


def wrapped(page, width, height, probe, directory):
    """The URL of a page in a frame."""
    path = Path(directory) / "wrapper.html"
    text = json.dumps(page).replace("</", "<\\/").replace("<!--", "<\\u0021--")
    path.write_text(WRAPPER.format(width=width, height=height, probe=probe or "null", page=text), encoding="utf-8")
    return path.as_uri()


def look(page, width, probe, dark=False, height=900):
    """What `probe`, a JavaScript function of the page's window, returns for the page, and the console's messages."""
    with tempfile.TemporaryDirectory(prefix="report-page-") as directory:
        url = wrapped(page, width, height, probe, directory)
        out, console = run(url, "--dump-dom", f"--window-size={max(width, 800)},{height}", *(DARK if dark else ()))
    found = FOUND.search(out)
    if not found or not found[1]:
        raise AssertionError(f"the page did not load; the console has {console}")
    return json.loads(urllib.parse.unquote(found[1])), console


def screenshot(page, out, width, height, dark=False):
    with tempfile.TemporaryDirectory(prefix="report-page-") as directory:
        url = wrapped(page, width, height, None, directory)
        run(url, f"--screenshot={out}", f"--window-size={width},{height}", *(DARK if dark else ()))


def print_to_pdf(path, out, dark=False):
    run(Path(path).resolve().as_uri(), f"--print-to-pdf={out}", "--no-pdf-header-footer", *(DARK if dark else ()))
