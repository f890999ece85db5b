// How old a bar on the stream is: bench_live BOOTSTRAP DIRECTORY TOPIC RATE SECONDS PORT
//
// Appends RATE ticks a second of 100 symbols, with the time it is as event time; every hundredth is
// a probe, of the symbol PROBE, whose price is its number. The stream of a `ticklake run --serve`
// at PORT tells PROBE's bar: the first one that closes at a probe's number or later shows that
// probe. Its latency runs from before the append (so the producer's own wait is in it) to the bytes
// on the socket. The first 3 seconds do not count. One JSON line.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"
#include "broker/broker.h"
#include "io/clock.h"

namespace {

using namespace ticklake;
using std::chrono::steady_clock;

constexpr int kSymbols = 100;
constexpr int kPartitions = 4;
constexpr int64_t kProbeEvery = 100;
constexpr int64_t kGroupsPerSecond = 80;  // records are appended in groups
constexpr int64_t kWarmUpUs = 3'000'000;
constexpr int64_t kPatienceUs = 2'000'000;

int64_t now_us() {
  auto time = steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

std::string instant_with_millis(int64_t us) {
  return fmt::format("{}.{:03}Z", format_wall_time(us / kMicrosPerSecond * kMicrosPerSecond),
                     us / kMicrosPerMilli % 1000);
}

// When each probe was appended, written by one thread and read by the other.
struct Probes {
  explicit Probes(size_t count) : appended_us(count) {}
  std::vector<std::atomic<int64_t>> appended_us;  // 0: not yet
};

// Kafka's client sends by itself after a few milliseconds; the embedded log writes when it is told.
Result<void> append(broker::Writer& writer, bool flushes, int64_t rate, int64_t seconds,
                    Probes& probes) {
  io::SystemClock clock;
  auto start = steady_clock::now();
  const int64_t group = std::max<int64_t>(1, rate / kGroupsPerSecond);
  for (int64_t i = 0; i < rate * seconds; ++i) {
    bool probe = i % kProbeEvery == 0;
    int64_t number = i / kProbeEvery;
    int64_t symbol = i * 7 % kSymbols;
    broker::Record record;
    record.key = probe ? "PROBE" : fmt::format("S{:03}", symbol);
    record.value = fmt::format(
        R"({{"symbol":"{}","ts":"{}","price":{},"size":100,"venue":"XNAS","seq":{}}})", *record.key,
        instant_with_millis(clock.now_us()), probe ? fmt::format("{}.0", number + 1) : "101.25", i);
    if (probe) probes.appended_us[static_cast<size_t>(number)] = now_us();
    Partition partition(static_cast<int32_t>(probe ? 0 : symbol % kPartitions));
    TRY(writer.append(std::move(record), partition));
    if (i % group != group - 1) continue;
    if (flushes) TRY(writer.flush());
    std::this_thread::sleep_until(start + std::chrono::microseconds(i * 1'000'000 / rate));
  }
  return writer.flush();
}

// The last close of a line of PROBE's bars; 0 where it is another line.
int64_t newest_probe(std::string_view line) {
  if (!line.starts_with("data: {\"symbol\":\"PROBE\"")) return 0;
  size_t bars = line.find("\"bars\":[[");
  size_t last = line.rfind(",[");
  size_t at = last == std::string_view::npos ? bars + 9 : last + 2;
  for (int comma = 0; comma < 4; ++comma) at = line.find(',', at) + 1;
  return static_cast<int64_t>(std::strtod(std::string(line.substr(at, 24)).c_str(), nullptr));
}

class Stream {
 public:
  explicit Stream(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    timeval patience{.tv_sec = 1, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    std::string head = "GET /api/v1/events?symbol=PROBE HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static_cast<void>(::send(socket_, head.data(), head.size(), MSG_NOSIGNAL));
  }
  ~Stream() { ::close(socket_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // The newest probe in what has come; waits at most a second.
  int64_t next() {
    char bytes[65536];
    ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    if (count > 0) text_.append(bytes, static_cast<size_t>(count));
    int64_t newest = 0;
    for (size_t end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
      newest = std::max(newest, newest_probe(std::string_view(text_).substr(0, end)));
      text_.erase(0, end + 1);
    }
    return newest;
  }

 private:
  int socket_;
  std::string text_;
};

// Latencies of the probes after the warm-up, until all are seen or nothing comes any more.
std::vector<int64_t> watch(uint16_t port, const Probes& probes, const std::atomic<bool>& done) {
  Stream stream(port);
  std::vector<int64_t> latencies;
  size_t seen = 0;
  int64_t start_us = 0, last_us = now_us();
  while (seen < probes.appended_us.size()) {
    auto newest = static_cast<size_t>(stream.next());
    int64_t at_us = now_us();
    for (; seen < std::min(newest, probes.appended_us.size()); ++seen) {
      int64_t appended_us = probes.appended_us[seen];
      if (start_us == 0) start_us = appended_us;
      if (appended_us - start_us >= kWarmUpUs) latencies.push_back(at_us - appended_us);
      last_us = at_us;
    }
    if (done && at_us - last_us > kPatienceUs) break;
  }
  std::sort(latencies.begin(), latencies.end());
  return latencies;
}

Result<void> run(char** argv) {
  io::SystemClock clock;
  auto topics = TRY(broker::open(argv[1], argv[2], {}, clock));
  auto writer = TRY(topics->write(argv[3]));
  int64_t rate = std::atoll(argv[4]), seconds = std::atoll(argv[5]);
  Probes probes(static_cast<size_t>(rate * seconds / kProbeEvery));
  std::atomic<bool> done = false;
  std::vector<int64_t> latencies;
  auto port = static_cast<uint16_t>(std::atoi(argv[6]));
  std::thread watcher([&] { latencies = watch(port, probes, done); });
  int64_t start_us = now_us();
  auto appended = append(*writer, std::string(argv[1]) == "embedded", rate, seconds, probes);
  double took_s = static_cast<double>(now_us() - start_us) / kMicrosPerSecond;
  done = true;
  watcher.join();
  if (!appended) return appended;
  if (latencies.empty()) return Error{Code::Unavailable, "no probe came back"};
  auto at = [&](double share) {
    auto index = static_cast<size_t>(share * static_cast<double>(latencies.size() - 1));
    return static_cast<double>(latencies[index]) / 1000;
  };
  fmt::print(R"({{"seconds":{:.1f},"probes":{},"p50_ms":{:.1f},"p99_ms":{:.1f},"max_ms":{:.1f}}})"
             "\n",
             took_s, latencies.size(), at(0.5), at(0.99), at(1));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    fmt::print(stderr, "usage: bench_live BOOTSTRAP DIRECTORY TOPIC RATE SECONDS PORT\n");
    return 2;
  }
  auto done = run(argv);
  if (!done) fmt::print(stderr, "bench_live: {}\n", done.error().message);
  return done ? 0 : 1;
}
