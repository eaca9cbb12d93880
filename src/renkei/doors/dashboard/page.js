"use strict";
const BATTERY = "Vehicle.Powertrain.TractionBattery.";
const GEAR = "Vehicle.Powertrain.Transmission.SelectedGear";
// Large on a card, in this order; of each, the first path that the car has.
const HEADLINE = [
  {label: "Speed", paths: ["Vehicle.Speed", "Vehicle.SpeedDisplayed"], digits: 1},
  {label: "State of charge", paths: [BATTERY + "StateOfCharge.Displayed", BATTERY + "StateOfCharge.Current"], digits: 1},
  {label: "Battery power", paths: [BATTERY + "CurrentPower"], digits: 1, direction: true},
  {label: "Battery current", paths: [BATTERY + "CurrentCurrent"], digits: 1, direction: true},
  {label: "Battery voltage", paths: [BATTERY + "CurrentVoltage"], digits: 1},
  {label: "Gear", paths: [GEAR, "Vehicle.Powertrain.Transmission.CurrentGear"]},
  {label: "Power state", paths: ["Vehicle.LowVoltageSystemState"]},
];
const SPARKS = [
  {label: "Speed", paths: HEADLINE[0].paths, color: "--speed"},
  {label: "Battery current", paths: HEADLINE[3].paths, color: "--current"},
];
// Numbers that VSS gives a meaning.
const WORDS = {
  [GEAR]: {126: "Park", 127: "Drive", 0: "Neutral", "-1": "Reverse"},
  "Vehicle.Powertrain.Transmission.CurrentGear": {0: "Neutral", "-1": "Reverse"},
};
const UNITS = {percent: "%", Celsius: "°C", degrees: "°", "degrees/s": "°/s", "cm^3": "cm³", "m/s^2": "m/s²", iso8601: "", Ohm: "Ω"};
const LARGER = {W: ["kW", 0.001]};
const inOrder = new Intl.Collator("en", {numeric: true}).compare;
const DASH = "–";
const WINDOW_MS = 60000, OLD_MS = 10000;

const $ = id => document.getElementById(id);
const cars = new Map();  // by id: {id, values, heard, about, rows, history, ...}
let wanted = [];         // words of the filter

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function numberText(value, digits) {
  const size = Math.abs(value);
  // Small numbers keep their digits: 0.00012 is not 0.
  const short = size < 1 ? +value.toPrecision(3) : +value.toFixed(size < 1000 ? 3 : 1);
  const text = digits === undefined ? String(short) : value.toFixed(digits);
  return (/^-0(\.0*)?$/.test(text) ? text.slice(1) : text).replace("-", "−");
}

function valueText(path, value, digits) {
  if (value === null || value === undefined) return DASH;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length ? value.map(v => valueText(path, v)).join(", ") : "none";
  if (typeof value === "number") return (WORDS[path] && WORDS[path][value]) || numberText(value, digits);
  return value === "" ? "“”" : String(value);
}

function summaryText(value) {
  const numbers = value.filter(v => typeof v === "number");
  if (!value.length || numbers.length < value.length) return `${value.length} values`;
  return `${value.length} values, ${numberText(Math.min(...numbers))} to ${numberText(Math.max(...numbers))}`;
}

function ageText(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 2) return "now";
  if (s < 120) return `${Math.floor(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} days`;
}

function unitText(unit) {
  return unit ? (unit in UNITS ? UNITS[unit] : unit) : "";
}

// --- a car: its card and its part of the table

function newCar(id) {
  const car = {id, values: {}, why: {}, heard: {}, about: {}, rows: new Map(), tiles: new Map(), history: new Map(), asking: false};
  car.card = make("article", "car");
  car.title = make("h2", "", id);
  car.where = make("p", "where");
  car.buses = make("p", "buses");
  car.buses.hidden = true;
  car.tileList = make("dl", "tiles");
  car.sparkList = make("div", "sparks");
  car.none = make("p", "empty", "No headline signal yet.");
  car.card.append(car.title, car.where, car.buses, car.none, car.tileList, car.sparkList);
  car.body = make("tbody");
  car.nameRow = car.body.appendChild(make("tr", "name"));
  const head = car.nameRow.appendChild(make("th"));
  head.scope = "rowgroup";
  head.colSpan = 4;
  car.nameRow.append(make("td", "meaning"));
  car.rowTitle = head.appendChild(document.createTextNode(id));
  car.count = head.appendChild(make("span"));
  $("cars").append(car.card);
  document.querySelector("table").append(car.body);
  return car;
}

function describe(car, name, port, live) {
  car.live = live;
  put(car.title, name);
  car.rowTitle.data = name;
  put(car.where, [car.id, port ? `KUKSA on port ${port}` : ""].filter(Boolean).join(" · "));
  car.name = name;
}

function take(car, values, now) {
  for (const [path, told] of Object.entries(values)) {
    const why = told && told.quality, value = why ? null : told;
    car.values[path] = value;
    car.why[path] = value === null ? why || "not available" : "";
    if (now !== null) car.heard[path] = now;
    if (SPARKS.some(s => s.paths.includes(path))) remember(car, path, value);
  }
}

function remember(car, path, value) {
  const points = car.history.get(path) || [];
  const now = performance.now();
  points.push([now, typeof value === "number" ? value : null]);
  // One point older than the window stays, so that the line reaches its edge.
  while (points.length > 1 && points[1][0] < now - WINDOW_MS) points.shift();
  car.history.set(path, points);
}

async function get(address) {
  try {
    const reply = await fetch(address);
    return reply.ok ? await reply.json() : null;
  } catch {
    return null;  // the server left; the events tell it
  }
}

function address(car, what) {
  return `api/vehicles/${car.id.split("/").map(encodeURIComponent).join("/")}/${what}`;
}

// What the signals of a car mean, and how old they are.
async function ask(car) {
  if (car.asking) return;
  car.asking = true;
  const answer = await get(address(car, "signals"));
  if (answer) learn(car, answer);
  // What arrived meanwhile may be new again.
  setTimeout(() => { car.asking = false; askIfNew(car); }, 500);
}

function learn(car, {signals, t_ns}) {
  const now = performance.now();
  for (const signal of signals) {
    const heard = now - (t_ns - signal.t_receive_ns) / 1e6;
    car.heard[signal.path] = Math.max(car.heard[signal.path] ?? -Infinity, heard);
    if (!(signal.path in car.values)) {
      car.values[signal.path] = signal.value;
      car.why[signal.path] = signal.value === null ? signal.quality : "";
    }
    car.about[signal.path] = signal;
    if (!car.rows.has(signal.path)) addRow(car, signal);
  }
  show(car);
  filter();
}

function askIfNew(car) {
  if (Object.keys(car.values).some(path => !(path in car.about))) ask(car);
}

function addRow(car, signal) {
  const row = make("tr");
  const head = row.appendChild(make("th"));
  head.scope = "row";
  head.title = signal.description;
  const cut = signal.path.lastIndexOf(".") + 1;
  const branch = head.appendChild(make("span", "branch"));
  for (const step of signal.path.slice(0, cut).match(/[^.]*\./g) || []) branch.append(step, make("wbr"));
  for (const word of signal.path.slice(cut).split(/(?=[A-Z][a-z])/)) head.append(word, make("wbr"));
  const value = row.appendChild(make("td", "value"));
  row.append(make("td", "unit", unitText(signal.unit)));
  const age = row.appendChild(make("td", "age"));
  row.append(make("td", "meaning", signal.description));
  row.dataset.path = signal.path;
  const parts = {row, value, age, find: `${signal.path} ${signal.description}`.toLowerCase()};
  if (signal.datatype.endsWith("[]")) {
    const details = value.appendChild(make("details"));
    parts.summary = details.appendChild(make("summary"));
    parts.list = details.appendChild(make("div"));
    details.addEventListener("toggle", () => showRow(car, signal.path, parts));
  }
  car.rows.set(signal.path, parts);
  const next = [...car.rows.keys()].filter(path => inOrder(path, signal.path) > 0).sort(inOrder)[0];
  car.body.insertBefore(row, next ? car.rows.get(next).row : null);
}

function show(car) {
  for (const [path, parts] of car.rows) showRow(car, path, parts);
  for (const headline of HEADLINE) showTile(car, headline);
  for (const spark of SPARKS) showSpark(car, spark);
  car.none.hidden = car.tiles.size > 0;
}

function showRow(car, path, {row, value, age, summary, list}) {
  const now = car.values[path], about = car.about[path];
  if (summary) {
    put(summary, Array.isArray(now) ? summaryText(now) : DASH);
    if (summary.parentNode.open) put(list, valueText(path, now));
  } else {
    put(value, valueText(path, now));
  }
  const ms = performance.now() - car.heard[path];
  const since = about.kind === "attribute" ? "fixed" : ageText(ms);
  put(age, car.why[path] && now === null ? `${car.why[path]}, ${since}` : since);
  age.title = about.source ? `from ${about.source}` : "";
  row.classList.toggle("old", about.kind !== "attribute" && ms > OLD_MS);
}

function firstOf(car, paths) {
  // A path with a value is preferred to one that is not available now.
  return paths.find(p => car.about[p] && car.values[p] !== null) || paths.find(p => car.about[p]);
}

function showTile(car, {label, paths, digits, direction}) {
  const path = firstOf(car, paths);
  if (!path) return;
  if (!car.tiles.has(label)) car.tiles.set(label, newTile(car, label));
  const tile = car.tiles.get(label);
  let value = car.values[path], unit = car.about[path].unit;
  if (unit in LARGER && typeof value === "number") [unit, value] = [LARGER[unit][0], value * LARGER[unit][1]];
  put(tile.value, valueText(path, value, digits));
  put(tile.unit, value === null || value === undefined ? "" : unitText(unit));
  const ms = performance.now() - car.heard[path];
  const old = ms > OLD_MS && value !== null;
  const flow = direction && value ? (value > 0 ? "into the battery" : "out of the battery") : "";
  put(tile.note, value === null ? car.why[path] || "not available" : old ? `${ageText(ms)} ago` : flow);
  tile.box.classList.toggle("old", old);
  tile.box.dataset.path = path;
}

function newTile(car, label) {
  const box = make("div", "tile");
  box.append(make("dt", "", label));
  const text = box.appendChild(make("dd"));
  const big = text.appendChild(make("span", "big"));
  const tile = {box, value: big.appendChild(make("span")), unit: big.appendChild(make("small")), note: make("span", "note")};
  text.append(tile.note);
  const order = HEADLINE.map(h => h.label);
  const after = order.slice(order.indexOf(label) + 1).find(l => car.tiles.has(l));
  car.tileList.insertBefore(box, after ? car.tiles.get(after).box : null);
  return tile;
}

// --- sparklines

function showSpark(car, spark) {
  const path = firstOf(car, spark.paths);
  if (!path || !car.history.has(path)) return;
  const key = "spark " + spark.label;
  if (!car[key]) car[key] = newSpark(car, spark);
  const {svg, line, zero, range} = car[key];
  const now = performance.now(), points = car.history.get(path);
  const seen = points.map(p => p[1]).filter(v => v !== null);
  const low = Math.min(0, ...seen), high = Math.max(0, ...seen), span = high - low || 1;
  const x = t => Math.max(0, 600 - (now - t) / WINDOW_MS * 600).toFixed(1);
  const y = v => (57 - (v - low) / span * 54).toFixed(1);
  line.setAttribute("d", stepLine(points, x, y, now));
  zero.setAttribute("y1", y(0));
  zero.setAttribute("y2", y(0));
  const unit = unitText(car.about[path].unit);
  const ends = new Set([Math.min(...seen), Math.max(...seen)].map(v => numberText(v, 1)));
  const text = seen.length ? `${[...ends].join(" to ")} ${unit}` : DASH;
  put(range, text);
  svg.setAttribute("aria-label", `${spark.label} over the last 60 s: ${text}`);
}

// A value holds until the next one; where it is not available or nothing came for long, there is no line.
function stepLine(points, x, y, now) {
  let d = "", drawn = false;
  points.forEach(([t, value], i) => {
    if (value === null) { drawn = false; return; }
    const next = i + 1 < points.length ? points[i + 1][0] : now;
    d += `${drawn ? "L" : "M"}${x(t)} ${y(value)}L${x(Math.min(next, t + OLD_MS))} ${y(value)}`;
    drawn = next <= t + OLD_MS;
  });
  return d;
}

function newSpark(car, {label, color}) {
  const svgMake = tag => document.createElementNS("http://www.w3.org/2000/svg", tag);
  const box = car.sparkList.appendChild(make("figure"));
  const svg = box.appendChild(svgMake("svg"));
  svg.setAttribute("viewBox", "0 0 600 60");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.style.color = `var(${color})`;
  const zero = svg.appendChild(svgMake("line"));
  zero.setAttribute("x1", "0");
  zero.setAttribute("x2", "600");
  const line = svg.appendChild(svgMake("path"));
  const caption = box.appendChild(make("figcaption"));
  caption.append(make("span", "", `${label}, last 60 s`));
  const range = caption.appendChild(make("span"));
  if (label === SPARKS[0].label) car.sparkList.prepend(box);
  return {svg, line, zero, range};
}

// --- filter

function noLongerPresumed(car, values) {
  const found = Object.keys(values).filter(path => car.about[path] && car.about[path].is_default);
  for (const path of found) car.about[path].is_default = false;
  return found.length;
}

function filter() {
  const presumed = $("defaults").checked;
  let shown = 0, all = 0;
  for (const car of cars.values()) {
    const carText = `${car.name || ""} ${car.id}`.toLowerCase();
    let mine = 0;
    for (const [path, {row, find}] of car.rows) {
      const counts = presumed || !car.about[path].is_default;
      const fits = counts && wanted.every(word => find.includes(word) || carText.includes(word));
      row.hidden = !fits;
      mine += fits;
      all += counts;
    }
    car.nameRow.hidden = mine === 0;
    put(car.count, ` · ${mine} signal${mine === 1 ? "" : "s"}`);
    shown += mine;
  }
  put($("shown"), all && !shown ? "no signal fits" : shown < all ? `${shown} of ${all}` : `${all}`);
}

$("filter").addEventListener("input", () => {
  wanted = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  filter();
});
$("defaults").addEventListener("change", filter);

// --- buses of live cars

function busText({bus, is_lost, is_high, frames_per_s, load_least, load_most, error_frames}) {
  const said = [];
  if (is_lost) said.push("lost");
  else if (frames_per_s === null) said.push("not measured yet");
  else {
    if (load_least !== null) said.push(`load ${Math.round(100 * load_least)} to ${Math.round(100 * load_most)} %`);
    said.push(`${Math.round(frames_per_s)} frames/s`);
  }
  if (is_high && !is_lost) said.push("nearly full");
  if (error_frames) said.push(`${error_frames} error frames`);
  return `${bus}: ${said.join(", ")}`;
}

async function showBuses() {
  for (const car of cars.values()) {
    if (!car.live) continue;
    const answer = await get(address(car, "buses"));
    if (!answer) continue;
    car.buses.replaceChildren(...answer.buses.map(bus => make("span", bus.is_high || bus.is_lost ? "alarm" : "", busText(bus))));
    car.buses.hidden = !answer.buses.length;
  }
}

// --- events

function forget(car) {
  car.card.remove();
  car.body.remove();
  cars.delete(car.id);
}

async function meet(picture) {
  for (const [id, car] of cars) if (!(id in picture)) forget(car);
  for (const [id, values] of Object.entries(picture)) {
    if (!cars.has(id)) cars.set(id, newCar(id));
    const car = cars.get(id);
    car.values = {};
    take(car, values, null);
    ask(car);
  }
  for (const {id, name, kuksa_port, is_live} of await get("api/vehicles") || []) {
    if (cars.has(id)) describe(cars.get(id), name, kuksa_port, is_live);
  }
  filter();
  showBuses();
}

function connect() {
  const events = new EventSource("events");
  events.addEventListener("open", () => {
    $("lost").hidden = true;
    put($("state"), "Live");
  });
  events.addEventListener("picture", event => meet(JSON.parse(event.data)));
  events.addEventListener("changes", event => {
    for (const [id, values] of Object.entries(JSON.parse(event.data))) {
      const car = cars.get(id);
      if (!car) continue;
      take(car, values, performance.now());
      askIfNew(car);
      show(car);
      if (noLongerPresumed(car, values)) filter();
    }
  });
  events.addEventListener("ended", event => {
    events.close();
    wantToken(JSON.parse(event.data).error);
  });
  events.addEventListener("error", () => {
    put($("state"), "Disconnected");
    put($("lost"), "Disconnected. What you see are the last values that arrived. Trying again…");
    $("lost").hidden = false;
    if (events.readyState === EventSource.CLOSED) askForToken().then(asked => asked || setTimeout(connect, 2000));
  });
}

// True where the server wants a token first; events say nothing of why they were refused.
async function askForToken() {
  const reply = await fetch("api/vehicles").catch(() => null);
  if (!reply || reply.status !== 401) return false;
  wantToken((await reply.json()).error);
  return true;
}

// Who has no token that holds sees nothing, not even what was there before.
function wantToken(why) {
  cars.forEach(forget);
  filter();
  $("lost").hidden = true;
  $("who").hidden = false;
  put($("refused"), why.startsWith("No auth token") ? "" : why);
  put($("state"), "Waiting for a token");
}

$("who").addEventListener("submit", async event => {
  event.preventDefault();
  const reply = await fetch("token", {method: "POST", body: $("token").value}).catch(() => null);
  if (!reply || !reply.ok) return put($("refused"), reply ? (await reply.json()).error : "no answer");
  put($("refused"), "");
  $("token").value = "";
  $("who").hidden = true;
  connect();
});

setInterval(() => cars.forEach(show), 1000);
setInterval(showBuses, 2000);
connect();
