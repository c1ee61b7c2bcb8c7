#!/usr/bin/env python3
"""Checks the pages of `rpcgen doc` in a real Chromium. Needs only the standard library.

    tests/browser/check.py PATH/TO/rpcgen [FOLDER FOR SCREENSHOTS]

The pages are made from the repository's init.yaml and from a network of 200 services. Each page is opened on a wide and
on a narrow screen, in light and in dark. A probe runs after the page's own script. It checks that

- the console stays empty,
- nothing is wider than the screen,
- every text has a contrast of at least 4.5 to its background,
- no two nodes of the drawing overlap, and no name is wider than its node,
- the filter, the languages of the examples, the theme and the drawing work.

The environment variable `CHROMIUM` names the browser. Without it, the browser is chromium, chromium-browser or
google-chrome, whichever is found first.
"""

import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCREENS = {"wide": (1280, 1000), "narrow": (360, 800)}
SCHEMES = ("light", "dark")
PATIENCE_S = 120

# Runs in a frame of the screen's size, and reports to the page around the frame.
PROBE = r"""
(async () => {
  const wrong = [];
  const check = (holds, what) => { if (!holds) wrong.push(what); };
  const find = (selector) => [...document.querySelectorAll(selector)];

  document.querySelectorAll("details").forEach((details) => { details.open = true; });
  const style = document.createElement("style");
  style.textContent = "* { content-visibility: visible !important; }";
  document.head.append(style);

  const root = document.documentElement;
  check(root.scrollWidth <= innerWidth, `the page is ${root.scrollWidth} px wide on a screen of ${innerWidth} px`);

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (color) => {
    const [r, g, b] = [...color].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return rgba("white");
  };
  const seen = new Set();
  for (const element of find("body *")) {
    const has = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!has || !element.checkVisibility() || element.closest("script")) continue;
    const own = getComputedStyle(element);
    const box = element.closest("a")?.querySelector("rect");
    const under = box ? rgba(getComputedStyle(box).fill) : behind(element);
    const color = rgba(element.closest("svg") ? own.fill : own.color);
    const key = [...color, ...under].join();
    if (seen.has(key)) continue;
    seen.add(key);
    const [dim, bright] = [luminance(color), luminance(under)].sort((a, b) => a - b);
    const contrast = (bright + 0.05) / (dim + 0.05);
    check(contrast >= 4.5, `contrast ${contrast.toFixed(2)} of ${element.tagName}.${element.className}`);
  }

  const nodes = find("#drawing a > rect").map((rect) => rect.getBoundingClientRect());
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  nodes.forEach((a, i) => nodes.slice(i + 1).forEach((b) => check(apart(a, b), "two nodes overlap")));
  for (const link of find("#drawing a:not(.server)")) {
    const [text, rect] = ["text", "rect"].map((tag) => link.querySelector(tag).getBoundingClientRect());
    check(text.right <= rect.right && text.left >= rect.left, `${link.textContent} is wider than its node`);
  }
  const client = document.querySelector("#drawing a[data-client]");
  client.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  const lit = find("#drawing path.lit").length;
  check(lit === find(`#drawing path[data-from="${client.dataset.client}"]`).length && lit > 0,
        "the lines of a client are not highlighted");

  const shown = () => [...new Set(find("pre").filter((pre) => pre.checkVisibility()).map((pre) => pre.dataset.language))].join();
  check(shown() === "rust", `languages shown at first: ${shown()}`);
  document.querySelector(".tabs label[for=nc]").click();
  check(shown() === "nc", `languages shown after a click on nc: ${shown()}`);

  const filter = document.getElementById("filter");
  const first = document.querySelector(".service").dataset.name;
  const type = (text) => { filter.value = text; filter.dispatchEvent(new Event("input")); };
  const visible = () => find(".service").filter((service) => service.checkVisibility()).map((service) => service.dataset.name);
  const all = visible().length;
  type(first.toUpperCase());
  check(visible().length >= 1 && visible().every((name) => name.includes(first)), `the filter ${first} shows ${visible()}`);
  type("no such name");
  check(visible().length === 0, `a filter that matches nothing shows ${visible()}`);
  type("");
  check(visible().length === all, "an empty filter does not show all services");

  const dark = luminance(behind(document.body)) < 0.5;
  const theme = document.getElementById("theme");
  const paper = () => getComputedStyle(document.body).backgroundColor;
  const themes = [0, 1, 2].map(() => { theme.click(); return paper(); });
  check(new Set(themes).size === 2 && root.dataset.theme === "auto", `themes: ${themes}`);

  parent.postMessage({ wrong, width: innerWidth, scheme: dark ? "dark" : "light" }, "*");
})().catch((error) => parent.postMessage({ wrong: [String(error)] }, "*"));
"""

AROUND = """<!doctype html><meta charset="utf-8"><title>waiting</title>
<iframe src="{page}" style="width:{width}px;height:{height}px;border:0;color-scheme:{scheme}"></iframe>
<script>onmessage = (event) => {{ document.body.textContent = "FOUND" + JSON.stringify(event.data) + "END"; }};</script>
"""


def large():
    """Returns the init.yaml of a network that is hard to lay out: 200 services on 20 servers for 30 clients."""
    lines = ["network:", "  servers:"]
    lines += [f"    server_{n}: {{ ip: 127.0.0.1, port: {7100 + n} }}" for n in range(20)]
    lines += ["  clients:"] + [f"    client{n}: {{ ip: 127.0.0.{n + 1} }}" for n in range(30)]
    lines += ["types:", "  Level: [low, high]", "  Tally: { name: str, level: Level }", "services:"]
    docs = ["Adds `two` numbers.", "<script>alert(1)</script>", "long" * 60, "كتابة من اليمين إلى اليسار", "A sentence. " * 40]
    for n in range(200):
        tenants = ", ".join(f"client{(n * 7 + k * 11) % 30}" for k in range(n % 4))
        name = f"service{n}" + "_with_a_name_that_goes_on_and_on" * (n % 17 == 5)
        lines.append(f"  {name}: {{ provider: server_{n * 13 % 20}, tenants: [{tenants}], rpcs: [")
        for k, doc in enumerate(docs):
            arguments = ", ".join(f'an_argument_{a}: "Dict[str, List[Tally]]"' for a in range(k))
            lines.append(f"    {{ name: rpc{k}, doc: {json.dumps(doc)}, arguments: {{ {arguments} }}, returns: Level }},")
        lines.append("  ] }")
    return "\n".join(lines) + "\n"


def browser():
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    found = next((path for path in map(shutil.which, filter(None, names)) if path), None)
    return found or sys.exit("error: no Chromium found; name one with the environment variable CHROMIUM")


def run(chromium, folder, *arguments):
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0"]
    # Each run has its own empty profile.
    profile = tempfile.mkdtemp(dir=folder)
    flags += [f"--user-data-dir={profile}", "--virtual-time-budget=20000", "--allow-file-access-from-files"]
    done = subprocess.run([chromium, *flags, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


def look(chromium, folder, page, screen, scheme):
    """Returns a list of what is wrong with a page on a screen."""
    width, height = SCREENS[screen]
    probed, around = folder / "probed.html", folder / "around.html"
    probed.write_text(page.read_text().replace("</body>", f"<script>{PROBE}</script></body>"))
    around.write_text(AROUND.format(page=probed.name, width=width, height=height, scheme=scheme))
    printed, console = run(chromium, folder, "--window-size=1400,1200", "--dump-dom", around.as_uri())
    answer = re.search(r"FOUND(.*)END", printed)
    if not answer:
        return [*console, "the probe did not report"]
    found = json.loads(html.unescape(answer[1]))
    wrong = console + found["wrong"]
    if not wrong and (found["width"], found["scheme"]) != (width, scheme):
        wrong = [f"the probe saw a screen of {found['width']} px in {found['scheme']}"]
    return wrong


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rpcgen, chromium, failed = sys.argv[1], browser(), False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        (folder / "large.yaml").write_text(large())
        for label, init in {"demo": ROOT / "init.yaml", "large": folder / "large.yaml"}.items():
            page = folder / f"{label}.html"
            subprocess.run([rpcgen, "doc", init, "--out", page], check=True, stdout=subprocess.DEVNULL)
            for screen in SCREENS:
                for scheme in SCHEMES:
                    wrong = look(chromium, folder, page, screen, scheme)
                    failed |= bool(wrong)
                    print(f"{label} {screen} {scheme}: {'; '.join(sorted(set(wrong))) or 'ok'}")
            if len(sys.argv) > 2:
                shot = pathlib.Path(sys.argv[2]) / f"{label}.png"
                run(chromium, folder, "--window-size=1280,1600", f"--screenshot={shot}", page.as_uri())
    sys.exit(failed)


if __name__ == "__main__":
    main()
