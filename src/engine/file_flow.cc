#include "file_flow.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <mutex>

#include "base/hash.h"
#include "file_feed.h"
#include "file_listing.h"
#include "file_shape.h"
#include "rows.h"
#include "table_writer.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kRowsPerBatch = 16 << 10;
constexpr int64_t kBytesPerBatch = 8 << 20;

// The rows of one file for a query.
class FileBatches final : public arrow::RecordBatchReader {
 public:
  FileBatches(OpenFile file, Schema schema)
      : file_(std::move(file)), schema_(std::move(schema)), arrow_(to_arrow(schema_)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return arrow_; }
  arrow::Status ReadNext(BatchPtr* batch) override {
    auto rows = next();
    if (!rows) return arrow::Status::Invalid("read_files: ", rows.error().message);
    *batch = *std::move(rows);
    return arrow::Status::OK();
  }

 private:
  Result<BatchPtr> next() {
    auto rows = TRY(file_.reader->next(kRowsPerBatch, kBytesPerBatch));
    if (!rows.batch) return BatchPtr();
    return completed(file_, schema_, rows.batch);
  }

  OpenFile file_;
  Schema schema_;
  std::shared_ptr<arrow::Schema> arrow_;
};

struct Reading {
  FileArguments arguments;
  FileShape shape;
};

// Of Parquet only what the query uses is read.
void narrow(Reading& reading, const Schema& wanted) {
  if (reading.arguments.format.form != formats::FileFormat::Form::Parquet) return;
  bool rescues = wanted.find(reading.arguments.format.rescued) >= 0;
  if (rescues) return;
  reading.arguments.format.rescued.clear();
  std::erase_if(reading.shape.data.fields,
                [&](const Field& field) { return wanted.find(field.name) < 0; });
}

Result<std::shared_ptr<arrow::RecordBatchReader>> open_rows(io::FileStore& files,
                                                            const Reading& reading,
                                                            const Schema& schema,
                                                            const io::FileInfo& info) {
  auto opened = open_file(files, reading.arguments, reading.shape, schema, info);
  bool gone = !opened && opened.error().code == Code::NotFound && reading.arguments.ignore_missing;
  bool bad = !opened && opened.error().code == Code::Corrupt && reading.arguments.ignore_corrupt;
  if (gone || bad) return from_arrow(arrow::RecordBatchReader::Make({}, to_arrow(schema)));
  if (!opened) return prefixed("read_files", std::move(opened).error());
  return std::shared_ptr<arrow::RecordBatchReader>(
      std::make_shared<FileBatches>(*std::move(opened), schema));
}

// The lists of a table before its last full refresh are of no use any more. `current`: how those
// since then begin.
Result<void> remove_old_lists(io::FileStore& files, const io::Path& lists, const std::string& table,
                              const std::string& current) {
  for (const auto& name : TRY(files.list_directories(lists))) {
    bool is_current = name == current || name.starts_with(current + "-");
    if (!name.starts_with(table + "-") || is_current) continue;
    auto parts = TRY(files.list(io::join(lists, name), ""));
    for (const auto& part : parts) TRY(files.remove(part.path));
  }
  return {};
}

}  // namespace

sql::FileColumns file_columns(io::FileStore& files, const io::Path& directory,
                              const io::Path& storage) {
  // One answer for one project, however often it is asked, and by which thread.
  struct Known {
    std::mutex mutex;
    std::map<std::string, Schema> schemas;
  };
  auto known = std::make_shared<Known>();
  return [&files, directory, storage, known](const Arguments& written,
                                             bool streaming) -> Result<Schema> {
    std::string key = streaming ? "stream\n" : "";
    for (const auto& [name, value] : written) key += name + "=" + value + "\n";
    std::lock_guard lock(known->mutex);
    auto found = known->schemas.find(key);
    if (found != known->schemas.end()) return found->second;
    FileArguments arguments = TRY(file_arguments(written, directory));
    FileShape shape = TRY(file_shape(files, streaming ? storage : "", arguments));
    Schema out = shape.input(arguments);
    known->schemas.emplace(key, out);
    return out;
  };
}

Result<query::Input> file_input(io::FileStore& files, const Project& project,
                                const sql::PlanInput& input) {
  auto reading = std::make_shared<Reading>();
  reading->arguments = TRY(file_arguments(input.files, project.directory));
  reading->shape = shape_of(input.schema, reading->arguments);
  auto all_found = TRY(all_files(files, reading->arguments));
  auto found = std::make_shared<const std::vector<io::FileInfo>>(std::move(all_found));
  query::Input out;
  out.schema = input.schema;
  Schema all = input.schema;
  out.parts = [&files, reading, found, all](const std::vector<std::string>& columns) {
    std::vector<std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>> parts;
    // No columns: rows are counted.
    Schema schema = columns.empty() ? Schema() : with_columns(all, columns);
    auto narrowed = std::make_shared<Reading>(*reading);
    narrow(*narrowed, schema);
    for (size_t i = 0; i < found->size(); ++i) {
      parts.push_back([&files, narrowed, found, schema, i] {
        return open_rows(files, *narrowed, schema, (*found)[i]);
      });
    }
    return Result(std::move(parts));
  };
  return out;
}

Result<std::unique_ptr<Feed>> open_file_feed(Context& context, const Dataset& dataset,
                                             const Settings& settings,
                                             const Progress& stored) {
  const auto& input = dataset.plan.inputs[0];
  const auto& project = context.project;
  auto snapshot = TRY(delta::open(context.world.files, dataset.path));
  io::Path lists = io::join(project.storage, "file_lists");
  const std::string& table = snapshot.metadata().id;
  std::string list =
      fmt::format("{}-{}", table, generation_of(context, dataset.table, stored));
  TRY(remove_old_lists(context.world.files, lists, table, list));
  if (dataset.flow != dataset.table) list += "-" + dataset.flow;
  FileFeedOptions options{
      .arguments = TRY(file_arguments(input.files, project.directory)),
      .input = input.schema,
      .project = normalized(project.directory),
      .storage = project.storage,
      .list = io::join(lists, list),
      .rows_max = settings.rows_per_step_max,
      .once = context.options.once,
      .place = progress_place(context, dataset, stored)};
  options.arguments.format.keeps_bad = settings.quarantine.undecodable;
  bool used = std::find(input.columns.begin(), input.columns.end(), kMetadataColumn) !=
              input.columns.end();
  // The quarantine keeps rows whole.
  if (!used && !settings.quarantine.any() && !options.input.fields.empty() &&
      options.input.fields.back().name == kMetadataColumn) {
    options.input.fields.pop_back();
  }
  return open_file_feed(context.world.files, context.world.clock, std::move(options), stored);
}

Result<int64_t> file_fingerprint(io::FileStore& files, const Project& project,
                                 const sql::PlanInput& input) {
  FileArguments arguments = TRY(file_arguments(input.files, project.directory));
  uint64_t hash = kFnv1aOfNothing;
  for (const auto& file : TRY(all_files(files, arguments))) {
    hash = fnv1a(fmt::format("{}\n{}\n{}\n", file.path, file.size, file.modified_ms), hash);
  }
  return static_cast<int64_t>(hash >> 1);  // a txn, which is not negative
}

bool adds_columns(const Project& project, const Dataset& dataset) {
  for (const auto& input : dataset.plan.inputs) {
    if (input.files.empty()) continue;
    auto arguments = file_arguments(input.files, project.directory);
    bool adds =
        arguments && arguments->evolution == FileArguments::Evolution::AddNewColumns;
    if (adds) return true;
  }
  return false;
}

}  // namespace ticklake::engine
