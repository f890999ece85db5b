#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "app/commands.h"
#include "app/project.h"
#include "base/text.h"

namespace ticklake::app {

namespace {

constexpr std::string_view kProjectFile =
    R"(# One pipeline. `ticklake validate` checks it, `ticklake run` runs it.
name: {name}
storage: ./storage          # tables, topics and leases live below it
catalog: {name}
database: main
libraries:
  - glob:
      include: transformations/**
configuration:
  kafka.bootstrap: embedded # or host:port of an Apache Kafka broker
)";

constexpr std::string_view kSourceFile =
    R"(# Made-up trades, so that there is something to see. docs/sources.md has every key.
type: synthetic
topic: ticks
symbols: [AAPL, GOOG, IBM, MSFT]
rate: 100
backfill: 10 minutes
)";

constexpr std::string_view kTransformationFile = R"(-- Bronze: what the topic holds, as it came.
CREATE OR REFRESH STREAMING TABLE bronze_ticks AS
SELECT value, topic, partition, offset, timestamp
FROM STREAM read_kafka(
  bootstrapServers => '${kafka.bootstrap}', subscribe => 'ticks', startingOffsets => 'earliest');

-- Silver: typed and checked.
CREATE OR REFRESH STREAMING TABLE silver_ticks (
  CONSTRAINT has_symbol EXPECT (symbol IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT positive_price EXPECT (price > 0) ON VIOLATION DROP ROW
) AS
SELECT tick.symbol, tick.ts, tick.price, tick.size
FROM (
  SELECT from_json(CAST(value AS STRING), 'symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT')
    AS tick
  FROM STREAM bronze_ticks
);

-- Gold: one row a symbol.
CREATE OR REFRESH MATERIALIZED VIEW gold_symbols AS
SELECT symbol, count(*) AS trades, avg(price) AS average_price, sum(size) AS volume
FROM silver_ticks
GROUP BY symbol;
)";

constexpr std::string_view kTestFile =
    R"(# A tick without a good price is dropped. `ticklake test` runs this test;
# docs/testing_pipelines.md says what else a test may say.
produce ticks
  {"symbol":"IBM","ts":"2026-01-05T14:30:01Z","price":141.2,"size":10}
  {"symbol":"IBM","ts":"2026-01-05T14:30:02Z","price":-1,"size":5}
run

table silver_ticks
  symbol | ts                   | price
  IBM    | 2026-01-05T14:30:01Z | 141.2

table gold_symbols
  symbol | trades | average_price | volume
  IBM    | 1      | 141.2         | 10
)";

constexpr std::string_view kIgnoreFile = "storage/\n";

std::string with_name(std::string_view text, const std::string& name) {
  std::string result(text);
  for (size_t at = 0; (at = result.find("{name}", at)) != std::string::npos; at += name.size()) {
    result.replace(at, 6, name);
  }
  return result;
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
             std::string::npos;
}

std::vector<std::string> inputs_of(const engine::Dataset& dataset) {
  std::vector<std::string> inputs = dataset.inputs;
  for (const auto& input : dataset.plan.inputs) {
    auto topic = input.kafka.find("subscribe");
    if (topic != input.kafka.end()) inputs.push_back("topic " + topic->second);
    auto path = input.files.find("path");
    if (path != input.files.end()) inputs.push_back("files " + path->second);
  }
  return inputs;
}

// A table, and below it its flows where there are more than its own query.
void add_table(const engine::Graph& graph, const engine::Table& table,
               std::vector<Object>& objects) {
  std::vector<std::string> inputs;
  std::vector<Object> flows;
  for (const auto& dataset : graph.datasets) {
    if (dataset.table != table.name) continue;
    auto its_inputs = inputs_of(dataset);
    bool is_once = dataset.statement.once;
    if (dataset.name != table.name || is_once) {
      flows.push_back({{"name", json_text(dataset.name)},
                       {"type", json_text(is_once ? "FLOW ONCE" : "FLOW")},
                       {"inputs", json_texts(its_inputs)},
                       {"output", json_text(table.name)}});
    }
    inputs.insert(inputs.end(), its_inputs.begin(), its_inputs.end());
  }
  objects.push_back({{"name", json_text(table.name)},
                     {"type", json_text(std::string(to_string(table.kind)))},
                     {"inputs", json_texts(inputs)},
                     {"output", json_text(to_ddl(table.schema))}});
  objects.insert(objects.end(), flows.begin(), flows.end());
}

}  // namespace

Result<void> init_project(Environment& environment, const InitOptions& options) {
  std::string name = options.name;
  if (name.empty()) name = std::filesystem::path(options.directory).filename().string();
  if (!is_plain_name(name)) {
    return Error{Code::Invalid,
                 fmt::format("{}: a project's name has letters, digits and _, the first a letter; "
                             "give one with --name",
                             printable(name))};
  }
  if (!TRY(environment.files.list(options.directory)).empty()) {
    return Error{Code::Conflict,
                 fmt::format("{} is not empty; give a new directory", options.directory)};
  }
  const std::pair<std::string_view, std::string> files[] = {
      {"spark-pipeline.yml", with_name(kProjectFile, name)},
      {"sources/ticks.yml", std::string(kSourceFile)},
      {"transformations/ticks.sql", std::string(kTransformationFile)},
      {"tests/first.test", std::string(kTestFile)},
      {".gitignore", std::string(kIgnoreFile)}};
  for (const auto& [path, text] : files) {
    TRY(environment.files.put_if_absent(io::join(options.directory, path), text));
  }
  fmt::print(environment.err, "made project {0} in {1}; next: ticklake run --project {1} --once\n",
             name, options.directory);
  return {};
}

Result<void> validate_project(Environment& environment, const ProjectOptions& options,
                              Format format) {
  auto project = TRY(load(environment, options));
  auto specs = TRY(source_specs(environment, project));
  auto graph = TRY(engine::build_graph(project, environment.clock.now_us()));
  std::vector<Object> objects;
  for (const auto& spec : specs) {
    objects.push_back({{"name", json_text(spec.name)},
                       {"type", json_text("SOURCE")},
                       {"inputs", "[]"},
                       {"output", json_text("topic " + spec.topic)}});
  }
  std::set<std::string> added;
  for (const auto& dataset : graph.datasets) {
    if (!added.insert(dataset.table).second) continue;
    add_table(graph, *graph.find(project, split(dataset.table, '.')), objects);
  }
  TRY(write_objects(environment.out, format, objects, {"name", "type", "inputs", "output"}));
  for (const auto& spec : specs) {
    const auto* form = std::get_if<sources::AlphaVantageSpec>(&spec.form);
    if (form == nullptr || form->api_key_missing.empty()) continue;
    fmt::print(environment.err, "note: {}\n", form->api_key_missing);
  }
  fmt::print(environment.err, "{} is valid: {}, {}\n", project.name,
             counted(graph.tables.size(), "table"), counted(specs.size(), "source"));
  return {};
}

}  // namespace ticklake::app
