// The page of a run, while it goes on: what it prints, and how far it is. Without this the page loads itself again and again.
const text = document.getElementById("text");
const events = new EventSource("/run/events?from=" + text.dataset.from);
const show = (event) => {
  const seen = JSON.parse(event.data);
  const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 40;
  text.append(seen.text);
  document.getElementById("progress").textContent = seen.progress;
  if (atEnd) window.scrollTo(0, document.body.scrollHeight);
};
events.addEventListener("progress", show);
events.addEventListener("end", () => {
  events.close();
  location.reload();
});
// Where the console itself ended, it is started again with a new address.
events.onerror = () => {
  document.getElementById("progress").textContent = "the console does not answer; it may have ended";
};
