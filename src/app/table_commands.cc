#include <arrow/array/util.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <fmt/format.h>

#include <cctype>
#include <limits>

#include "app/commands.h"
#include "app/project.h"
#include "base/text.h"
#include "base/time.h"
#include "delta/delta.h"
#include "formats/formats.h"
#include "query/query.h"

namespace ticklake::app {

namespace {

std::string json_int_or_null(const std::optional<int64_t>& number) {
  return number ? std::to_string(*number) : "null";
}

Object protocol_and_schema(const delta::Snapshot& snapshot) {
  const auto& protocol = snapshot.protocol();
  const auto& metadata = snapshot.metadata();
  std::vector<std::string> txns;
  for (const auto& [app, version] : snapshot.txns()) {
    txns.push_back(fmt::format("{}:{}", json_text(app), version));
  }
  return {{"version", std::to_string(snapshot.version().value)},
          {"minReaderVersion", std::to_string(protocol.min_reader)},
          {"minWriterVersion", std::to_string(protocol.min_writer)},
          {"readerFeatures", json_texts(protocol.reader_features)},
          {"writerFeatures", json_texts(protocol.writer_features)},
          {"schema", to_delta_json(metadata.schema)},
          {"partitionColumns", json_texts(metadata.partition_columns)},
          {"configuration", json_map(metadata.configuration)},
          {"numFiles", std::to_string(snapshot.file_count())},
          {"txns", "{" + joined(txns, ",") + "}"},
          {"domains", json_map(snapshot.domains())}};
}

// A path of the log is a URI reference (RFC 2396): what such a text may not hold is %-escaped.
std::string as_in_log(std::string_view path) {
  constexpr std::string_view kKept = "-_.~!*'();:@&=+$,/";
  std::string text;
  for (char byte : path) {
    bool kept = std::isalnum(static_cast<unsigned char>(byte)) != 0 ||
                kKept.find(byte) != std::string_view::npos;
    text += kept ? std::string(1, byte) : fmt::format("%{:02X}", static_cast<unsigned char>(byte));
  }
  return text;
}

// The rows with their commit's version and time behind their columns.
Result<BatchPtr> with_commit(const delta::ChangedRows& changed, const Schema& schema) {
  int64_t count = changed.rows->num_rows();
  arrow::ArrayVector columns = changed.rows->columns();
  arrow::Int64Scalar version(changed.version.value);
  arrow::TimestampScalar time(changed.timestamp_ms * kMicrosPerMilli, to_arrow(Kind::Timestamp));
  columns.push_back(TRY_ARROW(arrow::MakeArrayFromScalar(version, count)));
  columns.push_back(TRY_ARROW(arrow::MakeArrayFromScalar(time, count)));
  return arrow::RecordBatch::Make(to_arrow(schema), count, std::move(columns));
}

}  // namespace

Result<delta::Snapshot> open_snapshot(Environment& environment, const TableOptions& options) {
  io::Path root = TRY(table_root(environment, options.project, options.table));
  if (options.version) {
    return delta::open_version(environment.files, root, Version(*options.version));
  }
  if (options.timestamp.empty()) return delta::open(environment.files, root);
  auto time = parse_timestamp(options.timestamp);
  if (!time) {
    return Error{Code::Invalid,
                 fmt::format("--timestamp {}: not a time; write it as 2026-01-05T14:30:00Z",
                             printable(options.timestamp))};
  }
  int64_t micros = time->micros;
  return delta::open_timestamp(environment.files, root, floor_to(micros, 1000) / 1000);
}

Result<void> list_tables(Environment& environment, const TableOptions& options) {
  std::vector<Object> objects;
  engine::Project project = TRY(load(environment, options.project));
  engine::Graph graph = TRY(engine::build_graph(project, environment.clock.now_us()));
  for (const engine::Table& table : graph.tables) {
    std::optional<int64_t> rows;
    std::optional<int64_t> version;
    auto snapshot = delta::open(environment.files, table.path);
    if (snapshot) {
      version = snapshot->version().value;
      rows = row_count(*snapshot);
    } else if (snapshot.error().code != Code::NotFound) {
      return prefixed(table.name, std::move(snapshot).error());
    }
    objects.push_back({{"name", json_text(table.name)},
                       {"path", json_text(table.path)},
                       {"type", json_text(engine::to_string(table.kind))},
                       {"rows", json_int_or_null(rows)},
                       {"version", json_int_or_null(version)}});
  }
  return write_objects(environment.out, options.format, objects,
                       {"name", "path", "type", "rows", "version"});
}

Result<void> read_table(Environment& environment, const TableOptions& options) {
  delta::Snapshot snapshot = TRY(open_snapshot(environment, options));
  RowWriter writer(environment.out, options.format, snapshot.schema());
  int64_t left = options.limit > 0 ? options.limit : std::numeric_limits<int64_t>::max();
  for (const auto& file : snapshot.files()) {
    if (left == 0) break;
    auto reader = TRY(delta::read(environment.files, snapshot, file));
    while (left > 0) {
      BatchPtr batch = TRY_ARROW(reader->Next());
      if (!batch) break;
      if (batch->num_rows() > left) batch = batch->Slice(0, left);
      left -= batch->num_rows();
      TRY(writer.write(*batch));
    }
  }
  return writer.finish();
}

Result<void> describe_table(Environment& environment, const TableOptions& options) {
  delta::Snapshot snapshot = TRY(open_snapshot(environment, options));
  return write_object(environment.out, options.format, protocol_and_schema(snapshot));
}

Result<void> show_table_history(Environment& environment, const TableOptions& options) {
  io::Path root = TRY(table_root(environment, options.project, options.table));
  int64_t limit = options.limit > 0 ? options.limit : std::numeric_limits<int64_t>::max();
  std::vector<Object> objects;
  for (const auto& commit : TRY(delta::history(environment.files, root, limit))) {
    objects.push_back({{"version", std::to_string(commit.version.value)},
                       {"timestamp", json_text(format_instant(commit.timestamp_ms * 1000))},
                       {"operation", json_text(commit.operation)},
                       {"operationParameters", json_map(commit.parameters)},
                       {"operationMetrics", json_map(commit.metrics)},
                       {"engineInfo", json_text(commit.engine_info)}});
  }
  return write_objects(environment.out, options.format, objects,
                       {"version", "timestamp", "operation", "operationParameters",
                        "operationMetrics", "engineInfo"});
}

Result<void> list_table_files(Environment& environment, const TableOptions& options) {
  delta::Snapshot snapshot = TRY(open_snapshot(environment, options));
  std::vector<Object> objects;
  for (const auto& file : snapshot.files()) {
    objects.push_back({{"path", json_text(as_in_log(file.path))}});
  }
  return write_objects(environment.out, options.format, objects, {"path"});
}

Result<void> show_table_changes(Environment& environment, const TableOptions& options) {
  io::Path root = TRY(table_root(environment, options.project, options.table));
  Version newest = TRY(delta::open(environment.files, root)).version();
  Version to = options.to ? Version(*options.to) : newest;
  Version from(*options.from);
  Schema schema = TRY(delta::open_version(environment.files, root, to)).schema();
  for (const Field& field : sql::change_feed_columns()) schema.fields.push_back(field);
  RowWriter writer(environment.out, options.format, schema);
  auto write = [&](const delta::ChangedRows& changed) -> Result<void> {
    BatchPtr rows = TRY(with_commit(changed, schema));
    return writer.write(*rows);
  };
  TRY(delta::for_each_change(environment.files, root, from, to, write));
  return writer.finish();
}

Result<void> append_to_table(Environment& environment, const TableOptions& options) {
  io::Path root = TRY(table_root(environment, options.project, options.table));
  delta::Snapshot snapshot = TRY(delta::open(environment.files, root));
  std::string text = TRY(environment.files.read(options.rows_file));
  auto rows = formats::from_json_lines(text, snapshot.schema());
  if (!rows) return prefixed(options.rows_file, std::move(rows).error());
  BatchPtr batch = *std::move(rows);
  delta::Transaction transaction{.operation = "WRITE", .parameters = {{"mode", "Append"}}};
  delta::WriteOptions how;
  how.check = TRY(query::constraint_check(snapshot, environment.clock.now_us()));
  transaction.adds =
      TRY(delta::write(environment.files, environment.clock, snapshot, {batch}, how));
  Version version = snapshot.version();
  if (!transaction.adds.empty()) {
    auto committed =
        TRY(delta::commit(environment.files, environment.clock, snapshot, std::move(transaction)));
    version = committed.version();
  }
  return write_object(
      environment.out, options.format,
      {{"version", std::to_string(version.value)}, {"rows", std::to_string(batch->num_rows())}});
}

}  // namespace ticklake::app
