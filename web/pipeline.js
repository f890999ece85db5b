// The flows as a table whose cells change in place.
import { age, clock, count, shortName } from "/format.js";

// A table's own query has the table's name.
function nameOf(flow) {
  const own = flow.flow === flow.table || flow.flow.startsWith(`${flow.table}[`);
  return own ? shortName(flow.flow) : `${shortName(flow.flow)} > ${shortName(flow.table)}`;
}

function failures(flow) {
  const failed = flow.expectations.filter((one) => one.failed > 0);
  if (flow.expectations.length === 0) return "–";
  if (failed.length === 0) return "0";
  return failed.map((one) => `${count(one.failed)} ${one.name}`).join(", ");
}

function others(flow) {
  const kinds = [["dropped", flow.dropped], ["late", flow.late], ["undecodable", flow.undecodable],
    ["quarantined", flow.quarantined]];
  return kinds.filter(([, rows]) => rows > 0).map(([name, rows]) => `${count(rows)} ${name}`).join(", ") || "–";
}

function cellsOf(flow, now) {
  const watermark = flow.watermark === null ? "–" : `${clock(flow.watermark)} (${age(now - flow.watermark)})`;
  return [
    nameOf(flow), flow.state, count(flow.rows_in_per_second), count(flow.rows_in), count(flow.lag_rows),
    watermark, flow.last_commit === null ? "–" : age(now - flow.last_commit), count(flow.commits), failures(flow),
    others(flow),
  ];
}

export class Pipeline {
  constructor(body, sources) {
    this.body = body;
    this.sources = sources;
    this.rows = new Map();
  }

  show(state) {
    for (const flow of state.flows) this.showFlow(flow, state.now);
    this.sources.textContent = state.sources
      .map((one) => `${one.source} → ${one.topic}: ${count(one.sent)} sent${one.problem ? `, ${one.problem}` : ""}`)
      .join(" · ");
  }

  showFlow(flow, now) {
    let row = this.rows.get(flow.flow);
    if (!row) {
      row = document.createElement("tr");
      row.append(document.createElement("th"), ...Array.from({ length: 9 }, () => document.createElement("td")));
      row.firstChild.scope = "row";
      this.rows.set(flow.flow, row);
      this.body.append(row);
    }
    row.dataset.flow = shortName(flow.flow);
    row.dataset.state = flow.state;
    row.dataset.rows = flow.rows_in;
    row.title = flow.problem || flow.flow;
    cellsOf(flow, now).forEach((text, i) => {
      const cell = row.children[i];
      if (cell.textContent !== text) cell.textContent = text;
    });
    row.children[8].classList.toggle("bad", flow.expectations.some((one) => one.failed > 0));
  }
}
