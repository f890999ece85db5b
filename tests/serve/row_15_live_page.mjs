// Row 15: the live page in a real browser. row_15_live_page.mjs TICKLAKE CACHE [OUT]
//
// Ticks have fixed times and come when the test sends them, so what the page must show is known. Screenshots go to OUT.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const [ticklake, cache, out = "build/test/live_page"] = process.argv.slice(2);
const { chromium } = createRequire(`${cache}/playwright-1.65.1/node_modules/`)("playwright-core");
const here = path.dirname(new URL(import.meta.url).pathname);
const START = Date.parse("2026-01-05T14:30:00Z");
const WAIT_MS = 60000;

let passed = 0;
let failed = 0;
function check(good, what) {
  if (good) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`live-page: FAILED: ${what}`);
  }
}
function same(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  check(a === b, `${what}: found ${a}, wanted ${b}`);
}

// ---- the world: a project, its topic, a server

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "ticklake-page-"));
const project = path.join(scratch, "project");
fs.cpSync(path.join(here, "project"), project, { recursive: true });
fs.mkdirSync(out, { recursive: true });

function cli(...parameters) {
  const done = spawnSync(ticklake, parameters, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`ticklake ${parameters.join(" ")}: ${done.stderr}`);
  return done.stdout;
}

let sent = 0;
function send(...ticks) {
  const lines = ticks.map(([symbol, second, price, size]) => JSON.stringify(
    { symbol, ts: new Date(START + second * 1000).toISOString(), price, size, seq: ++sent }));
  const file = path.join(scratch, "ticks");
  fs.writeFileSync(file, lines.join("\n") + "\n");
  cli("topic", "produce", "ticks", "--project", project, "--file", file);
}

class Run {
  static async start(port) {
    const run = new Run();
    run.process = spawn(ticklake, ["run", "--project", project, "--serve", `127.0.0.1:${port}`]);
    run.log = "";
    run.process.stderr.on("data", (text) => { run.log += text; });
    run.exit = once(run.process, "exit");
    run.url = await until(() => /live page: (\S+)/.exec(run.log)?.[1], () => `no address: ${run.log}`);
    return run;
  }
}

async function until(condition, otherwise) {
  const end = Date.now() + WAIT_MS;
  while (Date.now() < end) {
    const value = await condition();
    if (value) return value;
    await new Promise((resume) => setTimeout(resume, 20));
  }
  throw new Error(otherwise());
}

async function candles(url, symbol) {
  const answer = await fetch(`${url}api/v1/candles?symbol=${symbol}`);
  return answer.ok ? (await answer.json()).bars : [];
}

// What the table itself says: [start, open, high, low, close, volume].
function gold(symbol) {
  const rows = cli("sql", "--project", project, "--output", "jsonl",
    `SELECT * FROM gold WHERE symbol = '${symbol}' ORDER BY minute`);
  return rows.split("\n").filter(Boolean).map((line) => JSON.parse(line))
    .map((row) => [Date.parse(row.minute), row.open, row.high, row.low, row.close, row.volume]);
}

// ---- the page

const data = (page) => page.evaluate(() => ({ ...document.getElementById("main").dataset }));
const shown = async (page) => JSON.parse((await data(page)).lastBar ?? "null");
const status = (page) => page.evaluate(() => document.getElementById("status").dataset.state);
const picture = (page) => page.evaluate(() => [...document.querySelectorAll("#chart canvas")]
  .map((canvas) => canvas.toDataURL()).join(""));

async function waitBar(page, wanted, what) {
  const text = JSON.stringify(wanted);
  try {
    await page.waitForFunction((bar) => document.getElementById("main").dataset.lastBar === bar, text,
      { timeout: WAIT_MS });
    check(true, what);
  } catch {
    same(await shown(page), wanted, what);
  }
}

async function waitStatus(page, wanted) {
  await page.waitForFunction((names) => names.includes(document.getElementById("status").dataset.state), wanted,
    { timeout: WAIT_MS });
}

const at = (minute) => START + minute * 60000;

async function loads(page, run, requests, problems) {
  await page.goto(`${run.url}?symbol=IBM`);
  await waitBar(page, [at(2), 102, 102, 101, 101, 20], "the open bar of what was there at the start");
  same((await data(page)).bars, "3", "closed and open bars");
  await waitStatus(page, ["live", "quiet"]);
  const foreign = requests.filter((url) => !url.startsWith(run.url));
  same(foreign, [], "everything comes from the server itself");
  same(problems, [], "no error and no breach of the policy in the console");
  await page.screenshot({ path: `${out}/dark.png` });
}

async function moves(page) {
  const before = await picture(page);
  await until(() => gold("IBM").length === 1, () => "the first minute was not closed");
  send(["IBM", 125, 150, 5], ["AAPL", 125, 51, 1], ["IBM", 126, -1, 1]);
  await waitBar(page, [at(2), 102, 150, 101, 150, 25], "a tick moves the open bar");
  check((await picture(page)) !== before, "the canvas shows another picture");
  same(gold("IBM").length, 1, "though the table has gained no candle");
  await page.waitForFunction(() => document.querySelector('[data-symbol="AAPL"] td').textContent === "51.00", null,
    { timeout: WAIT_MS });
  check(true, "the list shows another symbol's price");
  await page.waitForFunction(
    () => document.querySelector('[data-flow="silver"]')?.children[8].textContent === "1 positive_price", null,
    { timeout: WAIT_MS });
  check(true, "the pipeline shows the failed expectation");
}

async function switches(page) {
  await page.keyboard.press("a");
  check(await page.evaluate(() => document.getElementById("entry").open), "a letter opens the entry");
  await page.keyboard.type("apl");
  await page.screenshot({ path: `${out}/entry.png` });
  await page.keyboard.press("Enter");
  await waitBar(page, [at(2), 50, 51, 50, 51, 2], "the other symbol's bar");
  check(page.url().includes("symbol=AAPL"), "the address names the symbol");
  await page.keyboard.press("i");
  await page.keyboard.press("Escape");
  same((await data(page)).symbol, "AAPL", "Escape changes nothing");
  await page.getByRole("button", { name: "5m", exact: true }).click();
  await waitBar(page, [at(0), 49, 51, 48, 51, 6], "five minutes in one bar");
  send(["AAPL", 128, 60, 4]);
  await waitBar(page, [at(0), 49, 60, 48, 60, 10], "which the next tick moves too");
  await page.keyboard.press("i");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "1m", exact: true }).click();
  await waitBar(page, [at(2), 102, 150, 101, 150, 25], "back again");
}

// Killed, and back later with more in the tables: the page goes on by itself, without a gap.
async function comesBack(page, run) {
  const port = new URL(run.url).port;
  run.process.kill("SIGKILL");
  await run.exit;
  await waitStatus(page, ["reconnecting"]);
  check(true, "the page says that it is reconnecting");
  await page.screenshot({ path: `${out}/reconnecting.png` });
  send(["IBM", 190, 103, 1], ["AAPL", 190, 61, 1], ["IBM", 250, 104, 2], ["AAPL", 250, 62, 2]);
  const next = await Run.start(port);
  await waitBar(page, [at(4), 104, 104, 104, 104, 2], "what came meanwhile is there");
  await waitStatus(page, ["live", "quiet"]);
  same((await data(page)).bars, "5", "no bar is missing");
  send(["IBM", 251, 105, 1]);
  await waitBar(page, [at(4), 104, 105, 104, 105, 3], "and it moves again");
  return next;
}

async function agrees(page, run) {
  const open = (await candles(run.url, "IBM")).map((bar) => bar.slice(0, 6));
  same(open.length, 5, "five bars before the windows close");
  send(["IBM", 400, 106, 1], ["AAPL", 400, 63, 1]);
  await until(() => gold("IBM").length === 5, () => "the windows were not closed");
  same(gold("IBM"), open, "closed, each bar is what the page had shown");
  await until(async () => (await candles(run.url, "IBM")).filter((bar) => bar[6] === 1).length === 5,
    () => "the closed bars were not told");
  await waitBar(page, [at(6), 106, 106, 106, 106, 1], "the next bar opens");
}

// A server that hangs is not called live.
async function noticesSilence(page, run) {
  run.process.kill("SIGSTOP");
  await waitStatus(page, ["reconnecting", "stale"]);
  check(true, "silence is not called live");
  run.process.kill("SIGCONT");
  await waitStatus(page, ["live", "quiet"]);
  check(true, "and it comes back");
}

// ---- many windows open at once: the page of this source tree, told by a server made up here

const MANY = 28; // minutes; the first two are closed

function manyBars(minutes, close) {
  const bars = Array.from({ length: MANY }, (_, i) => [at(i), 100, close, 99, close, 1, i < 2 ? 1 : 0]);
  const out = new Map();
  for (const bar of bars) {
    const start = at(0) + Math.floor((bar[0] - at(0)) / (minutes * 60000)) * minutes * 60000;
    const [, open, high, low, , volume, closed] = out.get(start) ?? [0, bar[1], bar[2], bar[3], 0, 0, 1];
    out.set(start, [start, open, Math.max(high, bar[2]), Math.min(low, bar[3]), bar[4], volume + bar[5],
      Math.min(closed, bar[6])]);
  }
  return [...out.values()];
}

function madeUpServer() {
  const web = path.join(here, "../../web");
  const kinds = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
    ".svg": "image/svg+xml" };
  const streams = []; // in the order they were opened; the page closes the one before
  const live = { table: "gold", reason: "", interval_ms: 60000, waiting: "", changed: Date.now() };
  const answers = {
    "/api/v1/pipeline": () => ({ project: "many", now: Date.now(), taken: Date.now(), started: 0, live, flows: [],
      sources: [] }),
    "/api/v1/symbols": () => ({ count: 0, loading: false, symbols: [] }),
    "/api/v1/candles": (query) => ({ symbol: "IBM", cursor: "made-0", loading: false,
      bars: manyBars(Number.parseInt(query.get("interval") ?? "1m", 10), 101)
        .filter((bar) => bar[0] >= Number(query.get("from") ?? 0) && bar[0] < Number(query.get("to") ?? Infinity)) }),
  };
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/api/v1/events") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write("retry: 1000\n\n");
      streams.push(response);
      return;
    }
    const answer = answers[url.pathname];
    if (answer) {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify(answer(url.searchParams)));
      return;
    }
    const name = url.pathname === "/" ? "/index.html" : url.pathname;
    const file = name === "/lightweight-charts.mjs" ? `${cache}/lightweight-charts-5.2.1${name}` : web + name;
    response.writeHead(200, { "Content-Type": kinds[path.extname(file)] ?? "text/plain" });
    response.end(fs.readFileSync(file));
  });
  const tell = (bars) =>
    streams.at(-1).write(`event: bar\ndata: ${JSON.stringify({ symbol: "IBM", now: Date.now(), bars })}\n\n`);
  return { server, streams, tell };
}

async function manyOpen(context) {
  const { server, streams, tell } = madeUpServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const page = await context.newPage();
  const snapshots = async () => (await data(page)).snapshots;
  // Told once, so that each telling moves the last bar to a price of its own; on the stream that belongs to what the
  // page shows, for each snapshot is followed by a stream of its own.
  const told = async (bars, last, what) => {
    const wanted = Number(await snapshots());
    await until(() => streams.length === wanted, () => `${streams.length} streams after ${wanted} snapshots`);
    tell(bars);
    await waitBar(page, last, what);
  };
  const open = (close) => manyBars(1, close).slice(2);
  try {
    await page.goto(`http://127.0.0.1:${server.address().port}/?symbol=IBM`);
    await waitBar(page, [at(27), 100, 101, 99, 101, 1], "the newest of many open bars");
    await told(open(102), [at(27), 100, 102, 99, 102, 1], "all open bars move");
    await told(open(103), [at(27), 100, 103, 99, 103, 1], "and again");
    same(await snapshots(), "1", "nothing is fetched anew for them");
    await page.getByRole("button", { name: "5m", exact: true }).click();
    await waitBar(page, [at(25), 100, 101, 99, 101, 3], "the newest of many longer bars");
    await told(open(102), [at(25), 100, 102, 99, 102, 3], "all longer bars move");
    await told(open(103), [at(25), 100, 103, 99, 103, 3], "and again");
    same(await snapshots(), "2", "nothing is fetched anew for them either");
    const unknown = [at(-60), 1, 1, 1, 1, 1, 1];
    tell([unknown]);
    await until(async () => await snapshots() === "3", () => "a bar of no known bucket was not asked for");
    await waitBar(page, [at(25), 100, 101, 99, 101, 3], "the answer is shown");
    await told([unknown, ...open(104)], [at(25), 100, 104, 99, 104, 3], "a bar that stays unknown holds up nothing");
    await told([unknown, ...open(105)], [at(25), 100, 105, 99, 105, 3], "however often");
    same(await snapshots(), "3", "and is asked for once");
  } finally {
    await page.close();
    server.closeAllConnections();
    server.close();
  }
}

async function main() {
  cli("topic", "create", "ticks", "--project", project, "--partitions", "1");
  send(["IBM", 0, 100, 10], ["AAPL", 1, 49, 1], ["IBM", 61, 101, 10], ["AAPL", 61, 48, 2], ["AAPL", 62, 50, 1],
    ["IBM", 121, 102, 10], ["AAPL", 122, 50, 1], ["IBM", 122, 101, 10]);
  let run = await Run.start(0);
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
  try {
    const context = await browser.newContext({ colorScheme: "dark", viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    const requests = [];
    const problems = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()); });
    page.on("pageerror", (error) => problems.push(error.message));
    await manyOpen(context);
    await loads(page, run, requests, problems);
    await moves(page);
    await switches(page);
    run = await comesBack(page, run);
    await agrees(page, run);
    await noticesSilence(page, run);
    await page.getByRole("button", { name: "Theme: auto" }).click();
    await page.getByRole("button", { name: "Theme: dark" }).click();
    await page.screenshot({ path: `${out}/light.png` });
    run.process.kill("SIGINT");
    const [code] = await run.exit;
    same(code, 0, "Ctrl-C with a page open ends the run well");
  } finally {
    await browser.close();
    run.process.kill("SIGKILL");
  }
}

try {
  await main();
} catch (problem) {
  failed += 1;
  console.log(`live-page: FAILED: ${problem.message}`);
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}
console.log(`live-page: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
