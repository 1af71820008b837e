"use strict";
// Shows what the API says, once a second. Text goes in as text, never as markup.
const RUNS_SHOWN = 1024;
const FAULTS_SHOWN = 12;
const REFRESH_MS = 1000;
const TAIL_SHOWN = 40;

const get = async (path) => {
  const answer = await fetch(path, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(path + ": " + answer.status);
  return answer.json();
};

const element = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

const cell = (name, value) => element(name, typeof value === "number" ? value.toLocaleString("en") : value,
  typeof value === "number" ? "number" : "");

const table = (id, head, rows, none) => {
  const target = document.getElementById(id);
  if (rows.length === 0) {
    const row = element("tr");
    row.append(element("td", none, "empty"));
    target.replaceChildren(row);
    return;
  }
  const top = element("tr");
  head.forEach((name, i) => top.append(element("th", name, typeof rows[0][i] === "number" ? "number" : "")));
  target.replaceChildren(top, ...rows.map((values) => {
    const row = element("tr");
    values.forEach((value) => row.append(cell("td", value)));
    return row;
  }));
};

// Runs as bars between the first and the last mapped bus frame. A run too thin to see gets the least visible width.
const bars = (mappings) => {
  const first = Number(mappings[0].firstBfn);
  const last = Number(mappings[mappings.length - 1].lastBfn);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const width = last - first + 1;
  svg.setAttribute("viewBox", "0 0 1000 34");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", mappings.length + " mapped runs");
  // The writable runs first: among gigabytes of them a few read-only pages must stay visible.
  const order = [...mappings].sort((a, b) => b.access.localeCompare(a.access));
  for (const run of order) {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    bar.setAttribute("x", ((Number(run.firstBfn) - first) / width * 1000).toFixed(3));
    bar.setAttribute("width", Math.max(run.pages / width * 1000, 1).toFixed(3));
    bar.setAttribute("height", "34");
    bar.setAttribute("class", run.access === "rw" ? "rw" : "ro");
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = run.firstBfn + " - " + run.lastBfn + " to mfn " + run.firstMfn + ", " + run.access;
    bar.append(title);
    svg.append(bar);
  }
  return svg;
};

const key = (className, text) => [element("span", undefined, "key " + className), document.createTextNode(text)];

const showSpace = (space, page) => {
  const box = element("div", undefined, "space");
  const title = element("p", "guest " + space.guest + ", context " + space.context + ": "
    + space.mappedPages.toLocaleString("en") + " pages mapped, " + space.owedPages.toLocaleString("en")
    + " owed, endpoints " + (space.endpoints.join(", ") || "none"));
  title.append(...key("rw", "read and write"), ...key("ro", "read only"), ...key("none", "not mapped"));
  box.append(title);
  if (page.mappings.length === 0) {
    box.append(element("p", "nothing is mapped", "empty"));
    return box;
  }
  const scale = element("div", undefined, "scale");
  const lastShown = page.mappings[page.mappings.length - 1].lastBfn;
  scale.append(element("span", page.mappings[0].firstBfn),
    element("span", page.next ? "first " + RUNS_SHOWN + " runs" : page.mappings.length + " runs"),
    element("span", lastShown));
  box.append(bars(page.mappings), scale);
  return box;
};

const showSpaces = async () => {
  const spaces = (await get("/api/v1/address-spaces")).addressSpaces;
  const boxes = await Promise.all(spaces.map(async (space) => showSpace(space, await get("/api/v1/guests/" + space.guest
    + "/address-spaces/" + space.context + "/mappings?limit=" + RUNS_SHOWN))));
  const target = document.getElementById("spaces");
  target.replaceChildren(...(boxes.length ? boxes : [document.createTextNode("no guest is connected")]));
};

const showGuests = async () => {
  const guests = (await get("/api/v1/guests")).guests;
  table("guests", ["guest", "state", "memory", "mapped", "held", "calls", "operations", "refused"], guests.map((guest) => [
    String(guest.id), guest.state, guest.counters.registeredFrames, guest.counters.mappedFrames, guest.counters.heldFrames,
    guest.counters.calls, guest.counters.operations, guest.counters.failures]), "no guest is connected");
};

const showEndpoints = async () => {
  const endpoints = (await get("/api/v1/endpoints")).endpoints;
  table("endpoints", ["endpoint", "guest", "context", "reserved bfns"], endpoints.map((endpoint) => [
    endpoint.id, String(endpoint.guest), String(endpoint.context),
    endpoint.reserved.map((r) => r.firstBfn + " - " + r.lastBfn + " " + r.kind).join(", ") || "none"]), "none");
};

const showGrants = async () => {
  const grants = (await get("/api/v1/grants")).grants;
  table("grants", ["owner", "its mfns", "grantee", "its mfns", "access", "pages held"], grants.map((grant) => [
    String(grant.owner), grant.firstMfn + " - " + grant.lastMfn,
    String(grant.grantee), grant.granteeFirstMfn + " - " + grant.granteeLastMfn,
    grant.revoked ? "taken back" : grant.access, grant.holds]), "none");
};

const showStats = async () => {
  const stats = await get("/api/v1/stats");
  table("counters", ["counter", "value"], [["uptime, s", stats.uptimeSeconds], ["refused DMA", stats.faults],
    ...Object.entries(stats.totals)], "none");
  table("faults", ["number", "endpoint", "access", "bus address"], stats.recentFaults.slice(0, FAULTS_SHOWN)
    .map((fault) => [fault.sequence, fault.endpoint, fault.access, fault.iova]), "none so far");
  return stats;
};

const showJournal = async () => {
  const journal = await get("/api/v1/journal");
  const waiting = journal.waiting.length ? ", waiting for guests " + journal.waiting.join(", ") : "";
  const behind = journal.lastSequence - journal.syncedSequence;
  document.getElementById("journal").textContent = journal.state === "off" ? "nothing is recorded"
    : journal.state + ", last record " + journal.lastSequence.toLocaleString("en") + ", not yet on the disk "
      + behind.toLocaleString("en") + ", ring "
      + (journal.ringOccupiedBytes / journal.ringBytes * 100).toFixed(1) + " % full" + waiting;
};

const addToTail = (number, text, className) => {
  const tail = document.getElementById("tail");
  const row = element("tr", undefined, className);
  row.append(cell("td", number), cell("td", text));
  tail.prepend(row);
  while (tail.childElementCount > TAIL_SHOWN) tail.lastElementChild.remove();
};

// The browser comes back by itself when the stream breaks; what happened meanwhile is in the journal, not here.
const follow = () => {
  const stream = new EventSource("/api/v1/events");
  const show = (className) => (event) => {
    const record = JSON.parse(event.data);
    addToTail(String(record.sequence), record.text || record.access + " of " + record.endpoint + " at " + record.iova
      + " was refused", className);
  };
  stream.addEventListener("record", show(""));
  stream.addEventListener("fault", show("fault"));
  stream.addEventListener("missed", (event) => addToTail("…", JSON.parse(event.data).missed.toLocaleString("en")
    + " records were too fast to show", "empty"));
};

const refresh = async () => {
  const state = document.getElementById("state");
  try {
    const [stats] = await Promise.all([showStats(), showSpaces(), showGuests(), showEndpoints(), showGrants(),
      showJournal()]);
    state.textContent = "up " + stats.uptimeSeconds + " s, backend " + stats.backend + ", guests " + stats.guests;
    state.className = "";
  } catch (failure) {
    state.textContent = "no answer: " + failure.message;
    state.className = "lost";
  }
  setTimeout(refresh, REFRESH_MS);
};

for (const how of document.querySelectorAll("[data-curl]")) {
  how.textContent = "curl -s " + location.origin + how.dataset.curl;
}
refresh();
follow();
