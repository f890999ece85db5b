// Many small commits on one table with all maintenance on, by a clock that goes a second a commit:
// bench_soak DIRECTORY COMMITS RETENTION_SECONDS (0: Delta's defaults, 7 days of files and 30 of
// log). Prints one JSON object.
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "delta/delta.h"
#include "io/clock.h"

namespace {

using namespace ticklake;

constexpr int64_t kRowsPerCommit = 10;
constexpr size_t kWindow = 5000;

double now_ms() {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(since).count();
}

double quantile(std::vector<double> times, double at) {
  if (times.empty()) return 0;
  std::sort(times.begin(), times.end());
  return times[static_cast<size_t>(at * static_cast<double>(times.size() - 1))];
}

int64_t rss_mib() {
  std::ifstream status("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  status >> pages >> resident;
  return resident * 4096 >> 20;
}

BatchPtr some_rows(const Schema& schema, int64_t first) {
  arrow::Int64Builder ids;
  arrow::StringBuilder symbols;
  arrow::DoubleBuilder prices;
  for (int64_t i = first; i < first + kRowsPerCommit; ++i) {
    CHECK(ids.Append(i).ok() && symbols.Append(fmt::format("S{}", i % 100)).ok() &&
              prices.Append(static_cast<double>(i % 1000) / 8).ok(),
          "memory");
  }
  return arrow::RecordBatch::Make(to_arrow(schema), kRowsPerCommit,
                                  {*ids.Finish(), *symbols.Finish(), *prices.Finish()});
}

struct Times {
  std::vector<double> commits;
  double health = 0;
  double health_max = 0;
  int64_t live_max = 0;
  std::vector<int64_t> rss;
};

Result<delta::Snapshot> run(io::FileStore& files, io::ManualClock& clock, delta::Snapshot snapshot,
                            int64_t commits, Times& times) {
  delta::Health health({});
  for (int64_t i = 0; i < commits; ++i) {
    clock.advance_us(1'000'000);
    BatchPtr rows = some_rows(snapshot.schema(), i * kRowsPerCommit);
    double start = now_ms();
    delta::Transaction transaction{.operation = "STREAMING UPDATE"};
    transaction.adds = TRY(delta::write(files, clock, snapshot, {rows}));
    transaction.txns = {{"soak", i}};
    snapshot = TRY(delta::commit(files, clock, snapshot, std::move(transaction)));
    double committed = now_ms();
    times.commits.push_back(committed - start);
    while (auto next = TRY(health.step(files, clock, snapshot, false))) snapshot = *next;
    double took = now_ms() - committed;
    times.health += took;
    times.health_max = std::max(times.health_max, took);
    times.live_max = std::max(times.live_max, snapshot.file_count());
    if (i % std::max<int64_t>(commits / 10, 1) == 0) times.rss.push_back(rss_mib());
  }
  times.rss.push_back(rss_mib());
  return snapshot;
}

Result<int64_t> sum_of_ids(io::FileStore& files, const delta::Snapshot& snapshot) {
  int64_t sum = 0;
  for (const auto& file : snapshot.files()) {
    auto reader = TRY(delta::read(files, snapshot, file, {"id"}));
    while (true) {
      BatchPtr batch = TRY_ARROW(reader->Next());
      if (!batch) break;
      const auto& ids = static_cast<const arrow::Int64Array&>(*batch->column(0));
      for (int64_t i = 0; i < ids.length(); ++i) sum += ids.Value(i);
    }
  }
  return sum;
}

Result<std::string> soak(const io::Path& root, int64_t commits, int64_t retention_s) {
  auto files = io::make_local_files();
  io::ManualClock clock(io::SystemClock().now_us());
  delta::Metadata metadata;
  metadata.schema = TRY(parse_ddl("id BIGINT, symbol STRING, price DOUBLE"));
  if (retention_s > 0) {
    std::string retention = fmt::format("interval {} seconds", retention_s);
    metadata.configuration = {{"delta.enableInCommitTimestamps", "true"},
                              {"delta.logRetentionDuration", retention},
                              {"delta.deletedFileRetentionDuration", retention},
                              {"ticklake.vacuumInterval", retention}};
  }
  auto made = TRY(delta::create(*files, clock, root, std::move(metadata)));
  Times times;
  double start = now_ms();
  auto last = TRY(run(*files, clock, made, commits, times));
  double wall = now_ms() - start;
  std::vector<double> opens;
  for (int i = 0; i < 11; ++i) {
    double before = now_ms();
    auto opened = TRY(delta::open(*files, root));
    opens.push_back(now_ms() - before);
    CHECK(opened.version() == last.version(), "the newest version opens");
  }
  int64_t count = commits * kRowsPerCommit;
  int64_t sum = TRY(sum_of_ids(*files, last));
  CHECK(sum == count * (count - 1) / 2, "every row is there once");
  auto log = TRY(files->list(io::join(root, "_delta_log")));
  auto data = TRY(files->list(root));
  size_t window = std::min(kWindow, times.commits.size() / 2);
  auto half = static_cast<std::ptrdiff_t>(window);
  std::vector<double> early(times.commits.begin(), times.commits.begin() + half);
  std::vector<double> late(times.commits.end() - half, times.commits.end());
  std::string rss;
  for (int64_t mib : times.rss) rss += (rss.empty() ? "" : ",") + std::to_string(mib);
  return fmt::format(
      R"({{"commits":{},"versions":{},"wall_s":{:.1f},"first_p50_ms":{:.3f},"last_p50_ms":{:.3f},)"
      R"("first_p99_ms":{:.2f},"last_p99_ms":{:.2f},"ratio":{:.2f},"open_p50_ms":{:.2f},)"
      R"("open_max_ms":{:.2f},"health_share":{:.3f},"health_max_ms":{:.1f},"live_files":{},)"
      R"("live_files_max":{},"data_files":{},"log_files":{},"rss_mib":[{}]}})",
      commits, last.version().value, wall / 1000, quantile(early, 0.5), quantile(late, 0.5),
      quantile(early, 0.99), quantile(late, 0.99), quantile(late, 0.5) / quantile(early, 0.5),
      quantile(opens, 0.5), quantile(opens, 1), times.health / wall, times.health_max,
      last.file_count(), times.live_max, data.size(), log.size(), rss);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    fmt::print(stderr, "usage: bench_soak DIRECTORY COMMITS RETENTION_SECONDS\n");
    return 2;
  }
  auto line = soak(arguments[1], std::atoll(arguments[2]), std::atoll(arguments[3]));
  if (!line) {
    fmt::print(stderr, "{}\n", line.error().message);
    return 1;
  }
  fmt::print("{}\n", *line);
  return 0;
}
