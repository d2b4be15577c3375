setInterval(async () => {
  if (document.hidden || String(getSelection())) return;
  try {
    const text = await (await fetch("/", { cache: "no-store" })).text();
    const page = new DOMParser().parseFromString(text, "text/html");
    const [now, next] = [document.querySelector("main"), page.querySelector("main")];
    if (!next) return;
    const open = new Set([...now.querySelectorAll("details[open]")].map((d) => d.closest("article").lastChild.textContent));
    next.querySelectorAll("details").forEach((d) => (d.open = open.has(d.closest("article").lastChild.textContent)));
    if (now.innerHTML !== next.innerHTML) now.replaceWith(document.adoptNode(next));
    document.title = page.title;
  } catch {
    // the server has stopped; what it showed stays
  }
}, 3000);
