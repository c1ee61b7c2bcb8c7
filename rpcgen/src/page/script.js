"use strict";
(() => {
  const find = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // Storage may be forbidden. Then choices are not remembered.
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* not remembered */ } };

  document.documentElement.classList.add("scripted");

  // Theme: that of the system, light, or dark.
  const theme = byId("theme");
  const themes = { auto: "Auto", light: "Light", dark: "Dark" };
  const setTheme = (name) => {
    document.documentElement.dataset.theme = name;
    theme.textContent = themes[name];
    theme.setAttribute("aria-label", `Theme: ${themes[name]}`);
  };
  const stored = recall("rpcgen-theme");
  setTheme(stored in themes ? stored : "auto");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const names = Object.keys(themes);
    const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
    setTheme(next);
    remember("rpcgen-theme", next);
  });

  // Language of all examples. Changed examples above the clicked one must not move it on the screen.
  const languages = find("input[name=language]");
  const known = languages.find((input) => input.id === recall("rpcgen-language"));
  if (known) known.checked = true;
  document.addEventListener("click", (event) => {
    const label = event.target.closest(".tabs label");
    if (!label) return;
    event.preventDefault();
    const before = label.getBoundingClientRect().top;
    const input = byId(label.htmlFor);
    input.checked = true;
    remember("rpcgen-language", input.id);
    scrollBy({ top: label.getBoundingClientRect().top - before, behavior: "instant" });
  });
  for (const input of languages) input.addEventListener("change", () => remember("rpcgen-language", input.id));

  // Copy button: copies the visible example.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Some browsers provide no clipboard to a page that is opened as a file.
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "offscreen";
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const shown = find("pre", button.parentElement).find((pre) => pre.checkVisibility());
    const done = await copy(shown.textContent);
    button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  // Drawing: highlights the lines of the node under the pointer, or with the focus.
  const drawing = byId("drawing");
  if (drawing) {
    const follow = (event) => {
      const node = event.target.closest("a");
      for (const lit of find(".lit", drawing)) lit.classList.remove("lit");
      const { client, service } = node?.dataset ?? {};
      const side = client ? `[data-from="${client}"]` : service ? `[data-to="${service}"]` : null;
      drawing.classList.toggle("following", side !== null);
      if (!side) return;
      node.classList.add("lit");
      for (const path of find(`path${side}`, drawing)) {
        path.classList.add("lit");
        const other = client ? `[data-service="${path.dataset.to}"]` : `[data-client="${path.dataset.from}"]`;
        drawing.querySelector(`a${other}`).classList.add("lit");
      }
    };
    for (const name of ["pointerover", "focusin"]) drawing.addEventListener(name, follow);
    for (const name of ["pointerleave", "focusout"]) drawing.addEventListener(name, () => follow({ target: drawing }));
  }

  // Filter: shows a whole service if its name matches, else only its matching procedures.
  const filter = byId("filter");
  const found = byId("found");
  const services = find(".service").map((element) => ({
    element,
    name: element.dataset.name.toLowerCase(),
    link: document.querySelector(`#contents a[href="#${element.id}"]`).parentElement,
    procedures: find(".procedure", element).map((article) => ({
      element: article,
      name: `${element.dataset.name}.${article.dataset.name}`.toLowerCase(),
    })),
  }));
  const others = find(".member, .type").map((element) => ({ element, name: element.dataset.name.toLowerCase() }));
  const parts = new Set(others.map(({ element }) => element.closest(".part")));
  const folded = new Set(services.filter(({ element }) => !element.firstElementChild.open));
  const apply = () => {
    const query = filter.value.trim().toLowerCase();
    const hits = services.filter((service) => {
      const matchesService = service.name.includes(query);
      let matchesAny = matchesService;
      for (const procedure of service.procedures) {
        const matches = matchesService || procedure.name.includes(query);
        procedure.element.hidden = !matches;
        matchesAny ||= matches;
      }
      service.element.hidden = service.link.hidden = !matchesAny;
      return matchesAny;
    });
    const open = query !== "" && hits.length <= 10;
    for (const service of folded) service.element.firstElementChild.open = open && !service.element.hidden;
    for (const { element, name } of others) element.hidden = !name.includes(query);
    for (const part of parts) part.hidden = query !== "" && !part.querySelector(":is(.member, .type):not([hidden])");
    found.textContent = query && `${hits.length} of ${services.length} services`;
  };
  filter.hidden = false;
  filter.addEventListener("input", apply);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === "Escape" && event.target === filter) {
      filter.value = "";
      apply();
    }
  });

  // Folded sections open if a link leads into them, and for printing.
  const reveal = () => {
    const target = byId(decodeURIComponent(location.hash.slice(1)));
    const details = target?.closest("details") ?? target?.querySelector("details");
    if (details) details.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();
  addEventListener("beforeprint", () => find("details").forEach((details) => { details.open = true; }));

  if (matchMedia("(max-width: 60rem)").matches) byId("contents").open = false;
})();
