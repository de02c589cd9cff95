// Shows one slide at a time: by keys, by buttons, and by the address, so that a slide can be linked to. On paper all are shown.
"use strict";
const slides = [...document.querySelectorAll("section")];
const [at, back, next] = ["at", "back", "next"].map((id) => document.getElementById(id));
let current = -1;

function show(n, focus) {
  n = Math.min(Math.max(n, 0), slides.length - 1);
  if (n === current) return;
  current = n;
  slides.forEach((s, i) => s.classList.toggle("shown", i === n));
  document.body.classList.toggle("first", n === 0); // it has the title
  at.textContent = `${n + 1} of ${slides.length}`;
  back.disabled = n === 0;
  next.disabled = n === slides.length - 1;
  history.replaceState(null, "", "#slide-" + (n + 1));
  document.querySelector("main").scrollTop = 0;
  if (focus) slides[n].focus({ preventScroll: true });
}

const addressed = () => slides.findIndex((s) => "#" + s.id === location.hash);
const steps = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 };

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey || (e.key === " " && e.target.closest("button, a"))) return;
  if (e.key.startsWith("Arrow") && e.target.closest("[tabindex='0']")) return; // it scrolls a table or code
  const to = e.key === "Home" ? 0 : e.key === "End" ? slides.length - 1 : current + (steps[e.key] || 0) * (e.key === " " && e.shiftKey ? -1 : 1);
  if (to === current) return;
  e.preventDefault();
  show(to, true);
});
back.addEventListener("click", () => show(current - 1));
next.addEventListener("click", () => show(current + 1));
window.addEventListener("hashchange", () => show(addressed(), true));

document.body.classList.add("one");
[at, back, next].forEach((e) => { e.hidden = false; });
show(addressed());
