#!/usr/bin/env python3
"""An Alpha Vantage made up for tests: bars that are a function of symbol and time, in the documented shapes.

GET /query?function=..&symbol=..   as the real service; what it was asked for is kept
POST /next  {"body": .., "status": .., "times": n, "drop": true, "sleep": s}   what the next n requests get
POST /set   {"revise": {time: close}, "limit": n}   changed closes; after n requests, the day is used up
GET /seen   the requests so far, as JSON

The last bar is of today (in New York) unless --today says otherwise.
"""
import argparse
import calendar
import datetime
import hashlib
import http.server
import json
import ssl
import sys
import threading
import time
import urllib.parse
import zoneinfo

FIRST = datetime.date(2024, 1, 1)
COLUMNS = {"_ADJUSTED": ["open", "high", "low", "close", "adjusted close", "volume", "dividend amount"],
           "": ["open", "high", "low", "close", "volume"]}


class Market:
    def __init__(self, today):
        self.today = today
        self.revised = {}

    def days(self, function):
        """Of bars; the last one's week or month may have only begun."""
        day = last_of_all = FIRST
        while day <= self.today:
            last = calendar.monthrange(day.year, day.month)[1] == day.day
            if ("WEEKLY" in function and day.weekday() == 4 or "MONTHLY" in function and last
                    or not ("WEEKLY" in function or "MONTHLY" in function) and day.weekday() < 5):
                last_of_all = day
                yield day
            day += datetime.timedelta(days=1)
        traded = self.today - datetime.timedelta(days=max(0, self.today.weekday() - 4))
        if traded > last_of_all:
            yield traded

    def times(self, query):
        """The exchange times of the bars of a series, oldest first."""
        function, month = query["function"], query.get("month", "")
        out = []
        for day in self.days(function):
            if not day.isoformat().startswith(month):
                continue
            if "INTRADAY" not in function:
                out.append(day.isoformat())
                continue
            step = int(query["interval"].removesuffix("min"))
            first, end = (4 * 60, 20 * 60) if query.get("extended_hours", "true") == "true" else (9 * 60 + 30, 16 * 60)
            out += [f"{day} {minute // 60:02}:{minute % 60:02}:00" for minute in range(first, end, step)]
        if "INTRADAY" in function or "DAILY" in function:
            if query.get("outputsize", "compact") == "compact" and not month:
                out = out[-100:]
        return out

    def columns(self, function):
        if function == "TIME_SERIES_DAILY_ADJUSTED":
            return COLUMNS["_ADJUSTED"] + ["split coefficient"]
        return COLUMNS["_ADJUSTED" if function.endswith("_ADJUSTED") else ""]

    def values(self, query, when):
        number = int.from_bytes(hashlib.sha256(f"{query['symbol']} {when}".encode()).digest()[:4], "big")
        price = 100 + number % 5000 / 100
        close = self.revised.get(when, price)
        bar = {"open": f"{price:.4f}", "high": f"{price + 1:.4f}", "low": f"{price - 1:.4f}", "close": f"{close:.4f}",
               "adjusted close": f"{close / 2:.4f}", "volume": str(number % 100000), "dividend amount": "0.0000",
               "split coefficient": "1.0"}
        return [bar[name] for name in self.columns(query["function"])]

    def json(self, query):
        function, interval = query["function"], query.get("interval")
        times = self.times(query)[::-1]
        period = function.removeprefix("TIME_SERIES_").removesuffix("_ADJUSTED").capitalize()
        adjusted = " Adjusted" if function.endswith("_ADJUSTED") else ""
        name = {"Intraday": f"Time Series ({interval})", "Daily": "Time Series (Daily)"}.get(
            period, f"{period}{adjusted} Time Series")
        meta = {"1. Information": f"{period} prices, made up", "2. Symbol": query["symbol"],
                "3. Last Refreshed": times[0] if times else ""}
        more = {"Interval": interval, "Output Size": "Compact"} if interval else {}
        for key, value in {**more, "Time Zone": "US/Eastern"}.items():
            meta[f"{len(meta) + 1}. {key}"] = value
        columns = self.columns(function)
        bars = {when: {f"{i}. {column}": value for i, (column, value) in
                       enumerate(zip(columns, self.values(query, when)), 1)} for when in times}
        return json.dumps({"Meta Data": meta, name: bars}, indent=4)

    def csv(self, query):
        columns = self.columns(query["function"])
        if query["function"] == "TIME_SERIES_DAILY_ADJUSTED":
            columns = [column.replace(" ", "_") for column in columns]
        lines = [["timestamp", *columns]] + [[when, *self.values(query, when)] for when in self.times(query)[::-1]]
        return "".join(",".join(line) + "\r\n" for line in lines)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, today=None, certificate=None):
        super().__init__(address, Handler)
        self.market = Market(today or datetime.datetime.now(zoneinfo.ZoneInfo("America/New_York")).date())
        self.lock = threading.Lock()
        self.seen = []
        self.next = []
        self.limit = None
        self.on_answer = None  # called when an answer has been sent
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ssl.SSLError, ConnectionError)):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # a client that says nothing

    def log_message(self, *arguments):
        pass

    def reply(self, status, body, kind="application/json", headers=()):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_GET(self):
        server, url = self.server, urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/seen":
            return self.reply(200, json.dumps(server.seen))
        if url.path != "/query":
            return self.reply(404, "{}")
        with server.lock:
            server.seen.append({"at": time.time(), **query})
            instead = server.next.pop(0) if server.next else None
            over = server.limit is not None and len(server.seen) > server.limit
        key = query.get("apikey", "")
        if instead and instead.get("sleep"):
            time.sleep(instead["sleep"])
            instead = None
        if instead and instead.get("drop"):
            self.close_connection = True
            return self.connection.close()
        if instead:
            body = instead.get("body", "{}").replace("KEY", key)
            return self.reply(instead.get("status", 200), body, headers=instead.get("headers", {}).items())
        if over:
            text = f"We have detected your API key as {key} and our standard API rate limit is 25 requests per day."
            return self.reply(200, json.dumps({"Information": text}))
        if "TIME_SERIES" not in query.get("function", "") or not key:
            return self.reply(200, json.dumps({"Error Message": "Invalid API call."}))
        with server.lock:
            as_csv = query.get("datatype") == "csv"
            body = server.market.csv(query) if as_csv else server.market.json(query)
        self.reply(200, body, "text/csv" if as_csv else "application/json")
        if server.on_answer:
            server.on_answer()

    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            if self.path == "/next":
                self.server.next += [given] * given.get("times", 1)
            elif self.path == "/set":
                self.server.market.revised.update(given.get("revise", {}))
                self.server.limit = given.get("limit", self.server.limit)
        self.reply(200, "{}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--today", type=datetime.date.fromisoformat, help="the day of the last bar")
    options = parser.parse_args()
    print(f"serving made-up bars at http://127.0.0.1:{options.port}/query", flush=True)
    Server(("127.0.0.1", options.port), options.today).serve_forever()


if __name__ == "__main__":
    main()
