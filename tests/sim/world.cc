#include "world.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "base/text.h"
#include "formats/formats.h"

namespace ticklake::sim {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kStart = 1'767'700'000 * kSecond;
constexpr int kStepsMax = 20'000;  // of finishing

// {rows} are few, so that there are many commits to come between.
constexpr std::string_view kSql = R"(
CREATE OR REFRESH STREAMING TABLE bronze TBLPROPERTIES ('ticklake.maxRowsPerStep' = '9') AS
SELECT value, partition, offset FROM STREAM read_kafka(
  bootstrapServers => 'embedded', subscribe => 'ticks', startingOffsets => 'earliest');

CREATE OR REFRESH STREAMING TABLE silver (CONSTRAINT positive EXPECT (price > 0) ON VIOLATION DROP ROW)
TBLPROPERTIES ('ticklake.quarantine' = 'undecodable,errors,expectations', 'ticklake.maxRowsPerStep' = '13') AS
SELECT t.id, t.symbol, timestamp_seconds(t.time_s) AS ts, CAST(t.price AS INT) AS price
FROM (SELECT from_json(CAST(value AS STRING), 'id BIGINT, symbol STRING, time_s BIGINT, price STRING') AS t
      FROM STREAM bronze);

CREATE OR REFRESH STREAMING TABLE candles AS
SELECT symbol, unix_seconds(window.start) AS start_s, count(*) AS n, sum(price) AS total,
       count(DISTINCT price) AS prices
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS GROUP BY window(ts, '1 minute'), symbol;

CREATE OR REFRESH STREAMING TABLE sliding AS
SELECT symbol, unix_seconds(window.start) AS start_s, count(*) AS n, sum(price) AS total,
       count(DISTINCT price) AS prices
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS
GROUP BY window(ts, '1 minute', '25 seconds'), symbol;

CREATE OR REFRESH STREAMING TABLE sessions AS
SELECT symbol, unix_seconds(session_window.start) AS start_s, unix_seconds(session_window.end) AS end_s, count(*) AS n
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS
GROUP BY session_window(ts, '20 seconds'), symbol;

CREATE OR REFRESH STREAMING TABLE moments AS
SELECT DISTINCT symbol, unix_seconds(ts) AS ts_s, ts FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 10 SECONDS;

CREATE OR REFRESH STREAMING TABLE joined AS
SELECT t.id, h.v FROM STREAM silver AS t
LEFT JOIN history AS h ON h.k = concat('k', t.id % 5) AND h.__END_AT IS NULL;

CREATE OR REFRESH MATERIALIZED VIEW by_symbol AS
SELECT symbol, count(*) AS n, sum(price) AS total FROM silver GROUP BY symbol;

CREATE OR REFRESH STREAMING TABLE changes TBLPROPERTIES ('ticklake.maxRowsPerStep' = '5') AS
SELECT c.* FROM (SELECT from_json(CAST(value AS STRING), 'k STRING, n BIGINT, v BIGINT, op STRING') AS c
  FROM STREAM read_kafka(bootstrapServers => 'embedded', subscribe => 'changes', startingOffsets => 'earliest'));

CREATE OR REFRESH STREAMING TABLE history;
CREATE FLOW follow AS AUTO CDC INTO history FROM STREAM(changes) KEYS (k)
APPLY AS DELETE WHEN op = 'delete' SEQUENCE BY n COLUMNS (k, v) STORED AS SCD TYPE 2;

CREATE OR REFRESH STREAMING TABLE seen AS
SELECT CAST(id AS STRING) AS what FROM STREAM silver UNION ALL SELECT concat(k, '/', n) FROM STREAM changes;
)";

constexpr std::string_view kSource = R"(
type: csv
topic: {0}
partitions: {1}
directory: {0}
pattern: "*.csv"
header: true
schema: {2}
key: {3}
)";

}  // namespace

World::World(uint64_t seed)
    : random_(seed),
      inputs_(made_inputs(random_)),
      clock_(kStart),
      files_([this](std::string_view operation, const io::Path& path) {
        return faultless_ ? std::nullopt : faults_.ask(false, operation, path);
      }) {
  faultless_ = true;
  directory_ = (std::filesystem::temp_directory_path() / "ticklake_sim_XXXXXX").string();
  CHECK(::mkdtemp(directory_.data()) != nullptr, "no scratch folder");
  std::string spec =
      "name: sim\nstorage: data\nlibraries: [{glob: {include: all.sql}}]\n"
      "configuration: {ticklake.pace: 100 ms}\n";
  CHECK(files_.put(directory_ + "/spark-pipeline.yml", spec), "the project cannot be written");
  CHECK(files_.put(directory_ + "/all.sql", kSql), "the project cannot be written");
  auto opened = broker::open("embedded", directory_ + "/data/topics", {}, clock_);
  CHECK(opened, "no embedded log");
  broker_ = *std::move(opened);
  topics_ = faulty(*broker_, faults_);
  auto add = [this](const char* name, int64_t partitions, const char* schema, const char* key,
                    std::vector<std::string> files) {
    auto text = fmt::format(kSource, name, partitions, schema, key);
    auto parsed = sources::parse_spec(text, fmt::format("sources/{}.yml", name),
                                      [](const std::string&) { return std::nullopt; });
    CHECK(parsed, parsed.error().message);
    CHECK(broker_->create(name, sources::topic_options(*parsed)), "no topic");
    feeders_.push_back({.spec = *std::move(parsed), .files = std::move(files), .source = {}});
  };
  // Changes in several partitions come in any order; ticks of one partition are never late.
  add("ticks", 1, "id BIGINT, symbol STRING, time_s BIGINT, price STRING", "symbol",
      inputs_.tick_files);
  add("changes", 1 + below(3), "k STRING, n BIGINT, v BIGINT, op STRING", "k",
      inputs_.change_files);
  for (auto& feeder : feeders_) CHECK(put_file(feeder), "no first file");  // makes the folder
  faultless_ = false;
}

World::~World() {
  pipeline_.reset();
  for (auto& feeder : feeders_) feeder.source.reset();
  std::filesystem::remove_all(directory_);
}

Result<void> World::act() {
  int64_t what = below(100);
  auto& feeder = feeders_[static_cast<size_t>(below(static_cast<int64_t>(feeders_.size())))];
  Result<void> done;
  if (what < 55) {
    done = step_pipeline();
  } else if (what < 80) {
    done = step_source(feeder);
  } else if (what < 86) {
    done = put_file(feeder);
  } else if (what < 92) {
    break_something();
  } else if (what < 94) {
    crash();
  } else {
    const int64_t jumps[] = {kSecond / 10, kSecond,         5 * kSecond,     60 * kSecond,
                             -2 * kSecond, 3'600 * kSecond, 86'400 * kSecond};
    clock_.advance_us(jumps[below(std::size(jumps))]);
  }
  if (faults_.dead()) crash();
  return done;
}

void World::break_something() {
  switch (below(5)) {
    case 0: faults_.die_after(below(60)); break;
    case 1: faults_.outage_of_topics(1 + below(30)); break;
    case 2: faults_.outage_of_files(1 + below(30)); break;
    case 3: faults_.fail_after(below(60), false); break;
    default: faults_.fail_after(below(60), true); break;
  }
}

void World::crash() {
  ++crashes;
  pipeline_.reset();
  for (auto& feeder : feeders_) feeder.source.reset();
  faults_.revive();
}

Result<void> World::explained(const Error& error) {
  if (error.code == Code::Unavailable) return {};
  return error;
}

Result<void> World::put_file(Feeder& feeder) {
  if (feeder.put == feeder.files.size()) return {};
  faultless_ = true;  // nobody's operation but that of who brings the file
  auto name = fmt::format("{}/{}/{:04}.csv", directory_, feeder.spec.name, feeder.put);
  auto done = files_.put(name, feeder.files[feeder.put++]);
  faultless_ = false;
  return done;
}

Result<void> World::step_source(Feeder& feeder) {
  if (!feeder.source) {
    auto opened = sources::open_source(feeder.spec, *topics_, files_, clock_,
                                       {.project_directory = directory_, .once = true});
    if (!opened) return explained(opened.error());
    feeder.source = *std::move(opened);
  }
  auto progress = feeder.source->step();
  if (progress && !progress->finished) return {};
  feeder.source.reset();
  return progress ? Result<void>() : explained(progress.error());
}

Result<void> World::open_pipeline(bool once) {
  once_ = once;
  auto project = TRY(engine::load_project(files_, directory_));
  engine::World world{
      .files = files_,
      .clock = clock_,
      .topics = [this](const std::string&, const auto&) -> Result<std::shared_ptr<broker::Topics>> {
        return topics_;
      }};
  pipeline_ = TRY(engine::Pipeline::open(std::move(project), world, {.once = once}));
  return {};
}

Result<void> World::step_pipeline() {
  if (!pipeline_) {
    auto opened = open_pipeline(below(3) == 0);
    return opened ? opened : explained(opened.error());
  }
  auto report = pipeline_->step();
  if (!report) {
    pipeline_.reset();
    return explained(report.error());
  }
  if (report->kind == engine::StepReport::Kind::Idle) clock_.advance_us(kSecond / 10);
  auto failed = report->problem.empty() ? Result<void>() : none_gave_up();
  if (report->kind == engine::StepReport::Kind::Finished) pipeline_.reset();
  return failed;
}

// A pipeline that stays waits for a failing world, however long that is away.
Result<void> World::none_gave_up() {
  for (const auto& flow : pipeline_->status()) {
    bool failed = flow.state == engine::FlowStatus::State::Failed && !once_;
    if (failed) return Error{Code::Invalid, flow.name + " gave up: " + flow.problem};
  }
  return {};
}

Result<void> World::finish() {
  crash();
  faults_met = faults_.hits();
  faults_.clear();
  for (auto& feeder : feeders_) {
    while (feeder.put < feeder.files.size()) TRY(put_file(feeder));
    do {
      TRY(step_source(feeder));
    } while (feeder.source);
  }
  TRY(open_pipeline(true));
  for (int steps = 0; steps < kStepsMax; ++steps) {
    auto report = TRY(pipeline_->step());
    if (!report.problem.empty()) return Error{Code::Invalid, report.flow + ": " + report.problem};
    if (report.kind == engine::StepReport::Kind::Finished) return {};
    if (report.kind == engine::StepReport::Kind::Idle) clock_.advance_us(kSecond / 10);
  }
  return Error{Code::Invalid, "the pipeline does not come to its end"};
}

io::Path World::table_path(const std::string& table) const {
  return directory_ + "/data/tables/ticklake/default/" + table;
}

Result<std::vector<std::string>> World::rows(const std::string& table) {
  std::vector<std::string> out;
  auto snapshot = TRY(delta::open(files_, table_path(table)));
  for (const auto& file : snapshot.files()) {
    auto reader = TRY(delta::read(files_, snapshot, file));
    while (true) {
      BatchPtr batch;
      TRY_STATUS(reader->ReadNext(&batch));
      if (!batch) break;
      auto lines = TRY(formats::to_json_lines(*batch, snapshot.schema()));
      for (auto& line : split(lines, '\n')) {
        if (!line.empty()) out.push_back(std::move(line));
      }
    }
  }
  return out;
}

Result<std::vector<int64_t>> World::versions(const std::string& table) {
  std::vector<int64_t> out;
  for (const auto& file : TRY(files_.list(io::join(table_path(table), "_delta_log"), ""))) {
    std::string name = file.path.substr(file.path.rfind('/') + 1);
    if (name.size() == 25 && name.ends_with(".json")) out.push_back(std::stoll(name));
  }
  return out;
}

}  // namespace ticklake::sim
