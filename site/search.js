// The search: finds the sections that have all words. The index is loaded at the first letter. Without JavaScript there is no search, and all else works.
"use strict";
(() => {
  const root = document.currentScript.dataset.root;
  const form = document.getElementById("search"), input = document.getElementById("words"), found = document.getElementById("found");
  form.hidden = false;
  let asked = false;
  const load = () => {
    if (asked) return;
    asked = true;
    const script = document.createElement("script");
    script.src = root + "index.js";
    script.onload = search;
    document.head.append(script);
  };
  // What a section is worth: words in its name or the page's title count more than words in the text.
  const worth = (s, words) => {
    let sum = 0;
    const page = s.p.toLowerCase(), name = (s.n || "").toLowerCase(), text = s.t.toLowerCase();
    for (const w of words) {
      const here = (name.includes(w) ? 10 : 0) + (page.includes(w) ? 4 : 0) + (text.includes(w) ? 1 : 0);
      if (here === 0) return 0;
      sum += here;
    }
    return sum;
  };
  const marked = (element, text, words) => {
    const pattern = new RegExp("(" + words.map((w) => w.replace(/[^\p{L}\p{N}]/gu, "\\$&")).join("|") + ")", "gi");
    text.split(pattern).forEach((piece, i) => {
      if (i % 2 === 0) return element.append(piece);
      const m = document.createElement("mark");
      m.textContent = piece;
      element.append(m);
    });
  };
  const line = (s, words) => {
    const p = document.createElement("p"), a = document.createElement("a"), small = document.createElement("small");
    a.href = root + s.u;
    a.className = "where";
    a.textContent = s.n ? s.p + ": " + s.n : s.p;
    const at = Math.max(0, s.t.toLowerCase().indexOf(words[0]) - 60);
    marked(small, (at > 0 ? "... " : "") + s.t.slice(at, at + 200), words);
    p.append(a, small);
    return p;
  };
  const search = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter((w) => w.length > 1);
    found.replaceChildren();
    found.hidden = words.length === 0;
    if (found.hidden) return;
    if (!window.berthSections) return load();
    const hits = window.berthSections.map((s) => [worth(s, words), s]).filter((h) => h[0] > 0).sort((a, b) => b[0] - a[0]);
    const head = document.createElement("p");
    head.textContent = hits.length === 0 ? "Nothing has all of these words." : hits.length + (hits.length === 1 ? " section" : " sections") + (hits.length > 20 ? ", the first 20:" : ":");
    found.append(head, ...hits.slice(0, 20).map((h) => line(h[1], words)));
  };
  input.addEventListener("input", search);
  form.addEventListener("submit", (e) => { e.preventDefault(); found.querySelector("a")?.click(); });
})();
