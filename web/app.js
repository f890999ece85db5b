// The page: one symbol's candles, all symbols' quotes, the pipeline. State is in the address: ?symbol=IBM&interval=5m.
//
// A symbol is shown in two steps: a snapshot (candles and a cursor), then the stream from that cursor on. Bars are
// told apart by their start, so one that comes twice changes nothing.
import { Chart, barOf } from "/chart.js";
import { Feed } from "/feed.js";
import { age, change, direction, intervalText, price } from "/format.js";
import { Pipeline } from "/pipeline.js";
import { Entry, Watch } from "/symbols.js";

const FACTORS = [1, 5, 15, 60, 1440]; // intervals offered, as multiples of the table's, where they come out even
const BARS = 1000;
const PARTS = 20000; // the most that the server gives at once
const STALE_MS = 6000; // figures older than this are not called live

const at = (id) => document.getElementById(id);
const page = at("main");
const state = {
  symbol: "", interval: 0, own: 0, connection: "connecting", pipeline: null, received: 0, quote: null,
  showing: 0, older: false, oldest: -Infinity, asked: new Set(),
};

const chart = new Chart(at("chart"), at("legend"), fetchOlder, (away) => { at("now").hidden = !away; });
const watch = new Watch(at("quotes"), show);
const pipeline = new Pipeline(at("flows"), at("sources"));
const entry = new Entry({ dialog: at("entry"), input: at("query"), list: at("matches") }, () => watch.names(), show);
const feed = new Feed({
  bar: takeBar,
  quotes: takeQuotes,
  pipeline: takePipeline,
  reset: () => show(state.symbol),
  state: (connection) => {
    state.connection = connection;
    showStatus();
  },
});

async function get(path, parameters) {
  const answer = await fetch(`/api/v1/${path}?${new URLSearchParams(parameters)}`, { cache: "no-store" });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}

function say(text) {
  at("message").hidden = text === "";
  at("message").textContent = text;
}

// ---- one symbol

async function show(symbol) {
  const turn = ++state.showing;
  const interval = state.interval || state.own;
  let body;
  let parts = [];
  try {
    body = await get("candles", { symbol, interval: intervalText(interval), limit: BARS });
    const last = body.bars[body.bars.length - 1];
    if (last && interval > state.own) {
      const open = body.bars.find((bar) => bar[6] === 0) ?? last;
      const from = Math.min(open[0], last[0] - interval);
      parts = (await get("candles", { symbol, from, limit: PARTS })).bars;
      // Cut off, the oldest bucket lacks some of its bars.
      const cut = parts.length < PARTS ? -Infinity : Math.floor(parts[0][0] / interval) * interval + interval;
      parts = parts.filter((bar) => bar[0] >= cut);
    }
  } catch (problem) {
    if (turn !== state.showing) return;
    // Not there: the figures go on without it. Not answered: what was shown stays, and it is tried again.
    if (!(problem instanceof TypeError)) say(problem.message);
    if (!feed.source) feed.open(symbol, "");
    else if (problem instanceof TypeError) setTimeout(() => turn === state.showing && show(symbol), 1000);
    return;
  }
  if (turn !== state.showing) return;
  Object.assign(state, { symbol, interval, quote: watch.quotes.get(symbol), older: false, oldest: -Infinity });
  say(body.bars.length > 0 ? "" : body.loading ? "Candles are being read." : "No candles yet.");
  chart.set(body.bars.map(barOf), parts.map(barOf), interval, state.own);
  page.dataset.snapshots = Number(page.dataset.snapshots ?? 0) + 1;
  at("symbol").textContent = symbol;
  at("chart").setAttribute("aria-label", `Candles of ${symbol}`);
  watch.mark(symbol);
  history.replaceState(null, "", `?${new URLSearchParams({ symbol, interval: intervalText(interval) })}`);
  feed.open(symbol, body.cursor);
  showIntervals();
  mark();
}

async function fetchOlder(start) {
  if (state.older || start <= state.oldest) return;
  const turn = state.showing;
  state.older = true;
  state.oldest = start;
  try {
    const body = await get("candles", {
      symbol: state.symbol, interval: intervalText(state.interval), to: start, limit: BARS,
    });
    if (turn === state.showing && body.bars.length > 0) {
      chart.older(body.bars.map(barOf));
      state.oldest = -Infinity;
    }
  } catch {
    // The chart ends where it ended; the next scroll asks again.
    state.oldest = -Infinity;
  } finally {
    state.older = false;
  }
}

function takeBar(data) {
  if (data.symbol !== state.symbol) return;
  const partial = data.bars.filter((bar) => !chart.update(barOf(bar)));
  if (partial.length === 0 && !at("message").hidden) say("");
  // Asked for once: where the answer lacks the bucket's bars too, its candle stays as the answer said.
  const unasked = partial.map((bar) => `${state.symbol} ${state.interval} ${chart.bucket(bar[0])}`)
    .filter((bucket) => !state.asked.has(bucket));
  unasked.forEach((bucket) => state.asked.add(bucket));
  if (unasked.length > 0) show(state.symbol);
  mark();
}

function mark() {
  const last = chart.last();
  page.dataset.symbol = state.symbol;
  page.dataset.interval = intervalText(state.interval);
  page.dataset.bars = chart.bars.size;
  page.dataset.updates = Number(page.dataset.updates ?? 0) + 1;
  if (!last) return;
  showLast(last);
  page.dataset.lastStart = last.start;
  page.dataset.lastBar = JSON.stringify([last.start, last.open, last.high, last.low, last.close, last.volume]);
}

function showLast(last) {
  const day = state.quote?.change ?? 0;
  at("last").textContent = `${price(last.close)}  ${change(day)}`;
  at("last").className = direction(day);
  document.title = `${state.symbol} ${price(last.close)} · ticklake`;
}

function takeQuotes(quotes) {
  watch.show(quotes);
  state.quote = watch.quotes.get(state.symbol);
  watch.mark(state.symbol);
  if (chart.last()) showLast(chart.last());
  if (state.symbol === "" && watch.names().length > 0) show(watch.names()[0]);
}

// ---- intervals

function showIntervals() {
  const group = at("intervals");
  const offered = FACTORS.map((factor) => factor * state.own).filter((ms) => ms <= 86400000);
  if (group.children.length !== offered.length) {
    group.replaceChildren(...offered.map((ms) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = intervalText(ms);
      button.addEventListener("click", () => {
        state.interval = ms;
        show(state.symbol);
      });
      return button;
    }));
  }
  [...group.children].forEach((button, i) => {
    button.setAttribute("aria-pressed", String(offered[i] === state.interval));
  });
}

// ---- how live it is

function takePipeline(body) {
  state.pipeline = body;
  state.received = performance.now();
  at("project").textContent = body.project;
  if (body.live.interval_ms > 0) state.own = body.live.interval_ms;
  pipeline.show(body);
  showStatus();
}

// What may be said of what is on the screen. "live" only where the stream is open, the pipeline's figures are new and
// the open bars follow the topic.
function liveness() {
  if (state.connection === "reconnecting") return ["reconnecting", "reconnecting; what is shown is old"];
  if (!state.pipeline) return ["connecting", "connecting"];
  const since = performance.now() - state.received;
  const figures = state.pipeline.now - state.pipeline.taken + since;
  if (state.pipeline.taken === 0) return ["connecting", "the pipeline is starting"];
  if (figures > STALE_MS) return ["stale", `stale: the pipeline's figures are ${age(figures)} old`];
  const failed = state.pipeline.flows.find((flow) => flow.state === "failed");
  if (failed) return ["problem", `flow ${failed.flow} has failed: ${failed.problem}`];
  const { live } = state.pipeline;
  if (live.reason) return ["live", "live figures, no candles"];
  if (live.waiting) return ["waiting", `closed candles only: ${live.waiting}`];
  const quiet = state.pipeline.now - live.changed + since;
  if (quiet > 2 * live.interval_ms) return ["quiet", `connected; no trade for ${age(quiet)}`];
  return ["live", "live"];
}

function showStatus() {
  const [name, text] = liveness();
  const status = at("status");
  if (status.dataset.state !== name) status.dataset.state = name;
  if (at("status-text").textContent !== text) at("status-text").textContent = text;
  status.title = text;
  page.classList.toggle("old", name === "reconnecting" || name === "stale");
}

// ---- theme

const THEMES = ["auto", "dark", "light"];

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  at("theme").textContent = `Theme: ${theme}`;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Private windows keep nothing.
  }
  chart.paint();
}

function storedTheme() {
  try {
    return THEMES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "auto";
  } catch {
    return "auto";
  }
}

// ---- begin

async function begin() {
  showTheme(storedTheme());
  at("theme").addEventListener("click", () => {
    showTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.paint());
  at("find").addEventListener("click", () => entry.open());
  at("now").addEventListener("click", () => chart.toNow());
  setInterval(showStatus, 500);
  let body;
  let symbols;
  try {
    body = await get("pipeline", {});
    symbols = await get("symbols", {});
  } catch {
    setTimeout(begin, 1000);
    return;
  }
  takePipeline(body);
  watch.show(symbols.symbols);
  if (body.live.reason) say(body.live.reason);
  const asked = new URLSearchParams(location.search);
  const interval = FACTORS.map((factor) => factor * state.own)
    .find((ms) => intervalText(ms) === asked.get("interval"));
  state.interval = interval ?? state.own;
  const symbol = asked.get("symbol") ?? watch.names()[0];
  if (symbol && !body.live.reason) await show(symbol);
  else feed.open("", "");
}

begin();
