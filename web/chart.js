// The candles of one symbol at one interval. The server sends bars of the table's own interval; bars of a longer one
// are put together here from those, for the buckets that may still change.
import { CandlestickSeries, ColorType, HistogramSeries, createChart } from "/lightweight-charts.mjs";
import { decimals, direction, instant, price, short } from "/format.js";

const BUCKETS_KEPT = 3;
const OLDER_BELOW = 20; // bars left of the screen: fetch older ones

// A bar as the server sends it: [start, open, high, low, close, volume, closed]
export function barOf([start, open, high, low, close, volume, closed]) {
  return { start, open, high, low, close, volume, closed: closed === 1 };
}

function together(start, bars) {
  const all = [...bars].sort((a, b) => a.start - b.start);
  return {
    start,
    open: all[0].open,
    high: Math.max(...all.map((bar) => bar.high)),
    low: Math.min(...all.map((bar) => bar.low)),
    close: all[all.length - 1].close,
    volume: all.reduce((sum, bar) => sum + bar.volume, 0),
    closed: all.every((bar) => bar.closed),
  };
}

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class Chart {
  constructor(element, legend, wantsOlder, scrolled) {
    this.legend = legend;
    this.bars = new Map(); // start -> bar, in time order
    this.parts = new Map(); // bucket -> its bars of the table's interval
    this.chart = createChart(element, {
      autoSize: true,
      layout: { attributionLogo: false, fontFamily: css("--font"), fontSize: 12 },
      timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 4, barSpacing: 9 },
      rightPriceScale: { scaleMargins: { top: 0.08, bottom: 0.26 } },
      crosshair: { mode: 0 },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.chart.subscribeCrosshairMove((event) => this.showLegend(event.time ? event.time * 1000 : null));
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (!range) return;
      if (range.from < OLDER_BELOW && this.bars.size > 0) wantsOlder([...this.bars.keys()][0]);
      scrolled(this.chart.timeScale().scrollPosition() < -1);
    });
    this.paint();
  }

  // Colours of the theme.
  paint() {
    this.up = css("--up");
    this.down = css("--down");
    this.chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: css("--panel") }, textColor: css("--muted") },
      grid: { vertLines: { color: css("--line") }, horzLines: { color: css("--line") } },
      timeScale: { borderColor: css("--line") },
      rightPriceScale: { borderColor: css("--line") },
    });
    this.candles.applyOptions({
      upColor: this.up, downColor: this.down, wickUpColor: this.up, wickDownColor: this.down,
    });
    this.draw();
  }

  candle(bar) {
    return { time: bar.start / 1000, open: bar.open, high: bar.high, low: bar.low, close: bar.close };
  }

  column(bar) {
    return { time: bar.start / 1000, value: bar.volume, color: (bar.close >= bar.open ? this.up : this.down) + "59" };
  }

  // `own`: the table's interval. `parts`: where `interval` is longer, the bars of the table's interval of all buckets
  // that may still change.
  set(bars, parts, interval, own) {
    this.interval = interval;
    this.own = own;
    this.bars = new Map(bars.map((bar) => [bar.start, bar]));
    this.parts = new Map();
    for (const bar of parts) this.part(bar);
    const last = bars[bars.length - 1];
    const digits = last ? decimals(last.close) : 2;
    this.candles.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
    this.draw();
    // A short history fills more of the width.
    const spacing = this.chart.timeScale().width() / (bars.length + 8);
    this.chart.timeScale().applyOptions({ barSpacing: Math.min(18, Math.max(8, spacing)) });
    this.chart.timeScale().scrollToRealTime();
  }

  older(bars) {
    const all = [...bars, ...this.bars.values()];
    this.bars = new Map(all.map((bar) => [bar.start, bar]));
    this.draw();
  }

  draw() {
    const bars = [...this.bars.values()];
    this.candles.setData(bars.map((bar) => this.candle(bar)));
    this.volume.setData(bars.map((bar) => this.column(bar)));
    this.showLegend(null);
  }

  bucket(start) {
    return Math.floor(start / this.interval) * this.interval;
  }

  part(bar) {
    const bucket = this.bucket(bar.start);
    if (!this.parts.has(bucket)) this.parts.set(bucket, new Map());
    this.parts.get(bucket).set(bar.start, bar);
    const oldest = Math.min(...this.parts.keys());
    const over = this.parts.size > BUCKETS_KEPT && oldest !== bucket;
    if (over && [...this.parts.get(oldest).values()].every((one) => one.closed)) this.parts.delete(oldest);
  }

  // A bar of the table's interval. False: it is of a bucket whose other bars are not at hand.
  update(bar) {
    const known = this.bars.size === 0 ? [] : [...this.bars.keys()];
    const newest = known.length > 0 ? known[known.length - 1] : -Infinity;
    const bucket = this.bucket(bar.start);
    let whole = bar;
    if (this.interval !== this.own) {
      if (bucket <= newest && !this.parts.has(bucket)) return false;
      this.part(bar);
      whole = together(bucket, this.parts.get(bucket).values());
    }
    const inOrder = bucket >= newest;
    this.bars.set(bucket, whole);
    if (inOrder) {
      this.candles.update(this.candle(whole));
      this.volume.update(this.column(whole));
    } else {
      if (!known.includes(bucket)) this.bars = new Map([...this.bars].sort((a, b) => a[0] - b[0]));
      this.draw();
    }
    this.showLegend(null);
    return true;
  }

  last() {
    let last = null;
    for (const bar of this.bars.values()) last = bar;
    return last;
  }

  toNow() {
    this.chart.timeScale().scrollToRealTime();
  }

  showLegend(start) {
    const bar = (start !== null && this.bars.get(start)) || this.last();
    if (!bar) {
      this.legend.replaceChildren();
      return;
    }
    const cells = [["O", price(bar.open)], ["H", price(bar.high)], ["L", price(bar.low)], ["C", price(bar.close)],
      ["V", short(bar.volume)]];
    const time = document.createElement("span");
    time.textContent = `${instant(bar.start)}${bar.closed ? "" : " · open"}`;
    const nodes = cells.map(([name, text]) => {
      const node = document.createElement("span");
      const label = document.createElement("b");
      label.textContent = name;
      node.append(label, ` ${text}`);
      node.className = name === "V" ? "" : direction(bar.close - bar.open);
      return node;
    });
    this.legend.replaceChildren(time, ...nodes);
  }
}
