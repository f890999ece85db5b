// The stream of events. EventSource comes back by itself and tells the server the last event it has seen; where the
// server cannot go on from there it says "reset". What this adds: it notices a connection that is open but silent,
// comes back where EventSource gives up (an answer that is not a stream), and says which of these it is.

const SILENT_MS = 6000; // the server says something every 2 s
const BACK_MS = 1000;

export class Feed {
  // handlers: bar(data), quotes(data), pipeline(data), reset(), state("open" | "reconnecting")
  constructor(handlers) {
    this.handlers = handlers;
    this.source = null;
    this.seen = 0;
    this.timer = null;
    setInterval(() => this.check(), 500);
  }

  open(symbol, cursor) {
    this.symbol = symbol;
    this.cursor = cursor;
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.source) this.source.close();
    this.seen = performance.now();
    const query = new URLSearchParams({ symbol: this.symbol, after: this.cursor });
    const source = new EventSource(`/api/v1/events?${query}`);
    this.source = source;
    source.onopen = () => this.note(source, () => this.handlers.state("open"));
    source.onerror = () => {
      if (source !== this.source) return;
      this.handlers.state("reconnecting");
      if (source.readyState === EventSource.CLOSED) this.later();
    };
    for (const name of ["bar", "quotes", "pipeline"]) {
      source.addEventListener(name, (event) =>
        this.note(source, () => {
          if (event.lastEventId) this.cursor = event.lastEventId;
          this.handlers[name](JSON.parse(event.data));
        }));
    }
    source.addEventListener("ping", () => this.note(source, () => {}));
    source.addEventListener("reset", () => this.note(source, () => this.handlers.reset()));
  }

  note(source, work) {
    if (source !== this.source) return;
    this.seen = performance.now();
    work();
  }

  later() {
    if (this.timer) return;
    this.timer = setTimeout(() => this.connect(), BACK_MS * (0.5 + Math.random()));
  }

  check() {
    if (!this.source || this.timer || performance.now() - this.seen < SILENT_MS) return;
    this.handlers.state("reconnecting");
    if (this.source.readyState === EventSource.OPEN) this.later();
    else this.seen = performance.now() - SILENT_MS + BACK_MS;
  }
}
