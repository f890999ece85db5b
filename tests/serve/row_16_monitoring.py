#!/usr/bin/env python3
"""Row 16: a real Prometheus scrapes /metrics and answers with the run's figures. row_16_monitoring.py TICKLAKE"""
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
WAIT_S = 60
TICKS = [("IBM", 0, 100), ("IBM", 10, 101), ("AAPL", 20, 50), ("AAPL", 30, -1), ("IBM", 130, 102), ("AAPL", 130, 51)]
counts = {"passed": 0, "failed": 0}


def same(found, wanted, what):
    good = found == wanted
    counts["passed" if good else "failed"] += 1
    if not good:
        print(f"monitoring: FAILED: {what}: found {found}, wanted {wanted}")


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def until(condition, what):
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        try:
            if value := condition():
                return value
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"monitoring: FAILED: {what} did not come")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    def __init__(self, scratch, target):
        self.port = free_port()
        (scratch / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            f"scrape_configs: [{{job_name: ticklake, static_configs: [{{targets: ['{target}']}}]}}]\n")
        self.log = open(scratch / "prometheus.log", "w")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={scratch}/prometheus.yml", f"--storage.tsdb.path={scratch}/tsdb",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"], stdout=self.log, stderr=self.log)

    def ask(self, query):
        """The samples of an instant query: {labels without job and instance: value}."""
        text = fetch(f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": query}))
        out = {}
        for sample in json.loads(text)["data"]["result"]:
            labels = {k: v for k, v in sample["metric"].items() if k not in ("job", "instance", "__name__")}
            out[tuple(sorted(labels.items()))] = float(sample["value"][1])
        return out

    def value(self, query):
        return next(iter(self.ask(query).values()), None)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def produce(ticklake, project):
    lines = [json.dumps({"symbol": symbol, "ts": f"2026-01-05T14:{30 + second // 60}:{second % 60:02}Z", "price": price,
                         "size": 1, "seq": i}) for i, (symbol, second, price) in enumerate(TICKS)]
    records = project.parent / "ticks"
    records.write_text("\n".join(lines + ["{not json"]) + "\n")
    subprocess.run([ticklake, "topic", "create", "ticks", "--project", project, "--partitions", "1"], check=True,
                   capture_output=True)
    subprocess.run([ticklake, "topic", "produce", "ticks", "--project", project, "--file", records], check=True,
                   capture_output=True)


def check_figures(prometheus):
    flow = 'flow="live.main.{}"'
    wanted = {
        f'ticklake_flow_rows_in_total{{{flow.format("bronze")}}}': 7,
        f'ticklake_flow_rows_out_total{{{flow.format("bronze")}}}': 7,
        f'ticklake_flow_rows_in_total{{{flow.format("silver")}}}': 7,
        f'ticklake_flow_rows_out_total{{{flow.format("silver")}}}': 5,
        f'ticklake_flow_dropped_rows_total{{{flow.format("silver")}}}': 2,
        f'ticklake_flow_undecodable_rows_total{{{flow.format("silver")}}}': 1,
        f'ticklake_flow_rows_out_total{{{flow.format("gold")}}}': 2,
        f'ticklake_flow_lag_rows{{{flow.format("bronze")}}}': 0,
        f'ticklake_flow_state{{{flow.format("gold")}, state="running"}}': 1,
        f'ticklake_expectation_passed_total{{{flow.format("silver")}, expectation="positive_price"}}': 5,
        f'ticklake_expectation_failed_total{{{flow.format("silver")}, expectation="positive_price"}}': 2,
        "sum(ticklake_flow_retries_total)": 0,
        "up": 1,
    }
    until(lambda: prometheus.value(f'ticklake_flow_rows_out_total{{{flow.format("gold")}}}') == 2, "the scraped candles")
    for query, value in wanted.items():
        same(prometheus.value(query), value, query)
    same(prometheus.value("process_resident_memory_bytes") > 10e6, True, "resident memory")
    same(prometheus.value("process_cpu_seconds_total") > 0, True, "CPU time")
    same(prometheus.value(f'ticklake_flow_commits_total{{{flow.format("bronze")}}}') >= 1, True, "commits")
    same(prometheus.value(f'ticklake_flow_watermark_age_seconds{{{flow.format("gold")}}}') > 0, True, "watermark age")
    same(len(prometheus.ask(f'ticklake_flow_stage_seconds_total{{{flow.format("silver")}}}')), 5, "stages")
    # A counter that Prometheus can make a rate of.
    same(until(lambda: prometheus.value("rate(ticklake_http_requests_total{code='200'}[30s]) > 0"), "a rate") > 0, True,
         "the rate of requests")


def main():
    ticklake = pathlib.Path(sys.argv[1]).resolve()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="ticklake-monitoring-"))
    project = scratch / "project"
    shutil.copytree(HERE / "project", project)
    produce(ticklake, project)
    log = scratch / "run.log"
    run = subprocess.Popen([ticklake, "run", "--project", project, "--serve", "127.0.0.1:0"], stderr=log.open("w"))
    prometheus = None
    try:
        target = until(lambda: (found := re.search(r"live page: http://(\S+)/", log.read_text())) and found[1], "the address")
        prometheus = Prometheus(scratch, target)
        check_figures(prometheus)
        lint = subprocess.run(["promtool", "check", "metrics"], input=fetch(f"http://{target}/metrics"), text=True,
                              capture_output=True)
        same((lint.returncode, lint.stdout + lint.stderr), (0, ""), "promtool's opinion of the names")
        same(fetch(f"http://{target}/readyz"), "ready\n", "/readyz")
        run.send_signal(signal.SIGINT)
        same(run.wait(WAIT_S), 0, "the run's exit")
        until(lambda: prometheus.value("up") == 0, "Prometheus seeing that the run is over")
    finally:
        run.kill()
        if prometheus:
            prometheus.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"monitoring: {counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
