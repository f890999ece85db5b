// Rows of one data file as rows of the table.
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "delta/data_file.h"
#include "delta/deletion_vector.h"
#include "delta/delta.h"
#include "delta/parquet_file.h"
#include "delta/paths.h"
#include "delta/values.h"
#include "model/columns.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kRowsPerBatch = 64 << 10;

// Where a column's values come from: a column of the batches read, one value for all rows, or the
// row's number.
struct Source {
  Field field;
  int index = -1;
  std::shared_ptr<arrow::Scalar> constant = {};
  bool is_row_number = false;
};

Result<std::shared_ptr<arrow::Array>> numbers_from(int64_t first, int64_t count) {
  arrow::Int64Builder builder;
  TRY_STATUS(builder.Reserve(count));
  for (int64_t i = 0; i < count; ++i) builder.UnsafeAppend(first + i);
  return from_arrow(builder.Finish());
}

// The batch, which begins at row `first` of its file, without the rows in `deleted`.
Result<BatchPtr> without(const BatchPtr& batch, int64_t first, const RowSet& deleted) {
  arrow::BooleanBuilder builder;
  TRY_STATUS(builder.Reserve(batch->num_rows()));
  bool any = false;
  for (int64_t i = 0; i < batch->num_rows(); ++i) {
    bool gone = deleted.has(first + i);
    any = any || gone;
    builder.UnsafeAppend(!gone);
  }
  if (!any) return batch;
  auto kept = TRY_ARROW(builder.Finish());
  auto rows = TRY_ARROW(arrow::compute::Filter(arrow::Datum(batch), arrow::Datum(kept)));
  return rows.record_batch();
}

// Invariant: `reader_` reads through `file_`, which therefore outlives it.
class FileRows final : public arrow::RecordBatchReader {
 public:
  FileRows(io::Path path, std::shared_ptr<arrow::Schema> schema, std::vector<Source> sources,
           std::optional<RowSet> deleted, std::unique_ptr<parquet::arrow::FileReader> file,
           std::unique_ptr<arrow::RecordBatchReader> reader)
      : path_(std::move(path)),
        deleted_(std::move(deleted)),
        schema_(std::move(schema)),
        sources_(std::move(sources)),
        file_(std::move(file)),
        reader_(std::move(reader)),
        rows_left_(file_->parquet_reader()->metadata()->num_rows()) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(BatchPtr* batch) override {
    BatchPtr read;
    arrow::Status status;
    try {
      status = reader_->ReadNext(&read);
    } catch (const std::exception& problem) {
      status = arrow::Status::Invalid(problem.what());
    }
    if (!status.ok()) {
      return arrow::Status::Invalid(path_, ": the file is damaged: ", status.message());
    }
    *batch = nullptr;
    rows_left_ -= read ? read->num_rows() : 0;
    if (!read && rows_left_ != 0) {
      return arrow::Status::Invalid(path_, ": the file is damaged: ", rows_left_,
                                    " of its rows cannot be read");
    }
    if (!read) return arrow::Status::OK();
    int64_t first = std::exchange(row_, row_ + read->num_rows());
    auto rows = table_rows(*read, first);
    if (rows && deleted_) rows = without(*rows, first, *deleted_);
    if (!rows) return arrow::Status::Invalid(path_, ": ", rows.error().message);
    *batch = *std::move(rows);
    return arrow::Status::OK();
  }

 private:
  Result<BatchPtr> table_rows(const arrow::RecordBatch& read, int64_t first) const {
    arrow::ArrayVector columns;
    for (const Source& source : sources_) {
      if (source.is_row_number) {
        columns.push_back(TRY(numbers_from(first, read.num_rows())));
        continue;
      }
      if (source.index < 0) {
        columns.push_back(TRY_ARROW(arrow::MakeArrayFromScalar(*source.constant, read.num_rows())));
        continue;
      }
      auto column = adapted(read.column(source.index), source.field.type);
      if (!column) return prefixed("column `" + source.field.name + "`", column.error());
      columns.push_back(*std::move(column));
    }
    return arrow::RecordBatch::Make(schema_, read.num_rows(), std::move(columns));
  }

  io::Path path_;
  std::optional<RowSet> deleted_;
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<Source> sources_;
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::unique_ptr<arrow::RecordBatchReader> reader_;
  int64_t rows_left_;
  int64_t row_ = 0;  // of the file, that comes next
};

Error damaged(const io::Path& path, std::string_view why) {
  return Error{Code::Corrupt, fmt::format("{}: the file is damaged: {}", path, why)};
}

Result<std::unique_ptr<parquet::arrow::FileReader>> parquet_reader(io::FileStore& files,
                                                                   const io::Path& path,
                                                                   const AddFile& file) {
  auto opened = files.open(path);
  if (!opened && opened.error().code == Code::NotFound) {
    return Error{Code::NotFound, path +
                                     ": the table's log names this file, but it is not there; "
                                     "was it removed by hand, or vacuumed?"};
  }
  std::shared_ptr<arrow::io::RandomAccessFile> source = TRY(std::move(opened));
  int64_t size = TRY_ARROW(source->GetSize());
  if (size < file.size) {
    return damaged(path, fmt::format("it is cut off: {} of {} bytes are there", size, file.size));
  }
  parquet::ArrowReaderProperties properties(false);
  properties.set_batch_size(kRowsPerBatch);
  properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
  properties.set_pre_buffer(false);
  parquet::ReaderProperties buffered = parquet::default_reader_properties();
  buffered.enable_buffered_stream();  // pages are read as they are needed, not a column chunk whole
  buffered.set_page_checksum_verification(true);  // pages without a checksum are read all the same
  try {
    parquet::arrow::FileReaderBuilder builder;
    arrow::Status status = builder.Open(source, buffered);
    if (!status.ok()) return damaged(path, status.message());
    auto reader = builder.properties(properties)->Build();
    if (!reader.ok()) return damaged(path, reader.status().message());
    return *std::move(reader);
  } catch (const std::exception& problem) {
    return damaged(path, problem.what());
  }
}

// The file's column of that name: exactly, or else the only one that differs in case.
int file_column(const parquet::arrow::SchemaManifest& manifest, const std::string& name) {
  int found = -1;
  for (size_t i = 0; i < manifest.schema_fields.size(); ++i) {
    const std::string& theirs = manifest.schema_fields[i].field->name();
    if (theirs == name) return static_cast<int>(i);
    if (equal_ignoring_case(theirs, name)) found = static_cast<int>(i);
  }
  return found;
}

Result<std::vector<Field>> chosen_fields(const Snapshot& snapshot,
                                         const std::vector<std::string>& columns) {
  if (columns.empty()) return snapshot.schema().fields;
  std::vector<Field> out;
  for (const std::string& name : columns) {
    if (name == kRowNumber) {
      out.push_back({kRowNumber, Kind::Long, false});
      continue;
    }
    int at = snapshot.schema().find(name);
    if (at < 0) {
      return Error{Code::Invalid, fmt::format("{}: there is no column `{}` in version {}",
                                              snapshot.root(), name, snapshot.version().value)};
    }
    out.push_back(snapshot.schema().fields[static_cast<size_t>(at)]);
  }
  return out;
}

Result<std::shared_ptr<arrow::Scalar>> partition_value(const AddFile& file, const Field& field,
                                                       const io::Path& path) {
  auto found = file.partition_values.find(field.name);
  auto text = found == file.partition_values.end() ? std::nullopt : found->second;
  auto scalar = partition_scalar(text, field.type);
  if (scalar) return scalar;
  Error error{Code::Corrupt, fmt::format("{}: partition value of `{}`: {}", path, field.name,
                                         scalar.error().message)};
  return error;
}

int64_t rows_in(parquet::arrow::FileReader& reader) {
  return reader.parquet_reader()->metadata()->num_rows();
}

}  // namespace

Result<int64_t> stored_rows(io::FileStore& files, const io::Path& root, const AddFile& file) {
  if (auto there = file.records()) {
    return *there + (file.deletion_vector ? file.deletion_vector->cardinality : 0);
  }
  auto reader = TRY(parquet_reader(files, file_location(root, file.path), file));
  return rows_in(*reader);
}

Result<std::shared_ptr<arrow::RecordBatchReader>> read(io::FileStore& files,
                                                       const Snapshot& snapshot,
                                                       const AddFile& file,
                                                       const std::vector<std::string>& columns) {
  std::vector<Field> fields = TRY(chosen_fields(snapshot, columns));
  io::Path path = file_location(snapshot.root(), file.path);
  auto reader = TRY(parquet_reader(files, path, file));
  const auto& partitions = snapshot.metadata().partition_columns;
  std::vector<Source> sources;
  std::vector<int> leaves;
  std::map<int, int> places;  // of the file's columns that are read, in the file's order
  for (const Field& field : fields) {
    Source source{field};
    bool partition =
        std::find(partitions.begin(), partitions.end(), field.name) != partitions.end();
    if (field.name == kRowNumber) {
      source.is_row_number = true;
    } else if (partition) {
      source.constant = TRY(partition_value(file, field, path));
    } else {
      source.index = file_column(reader->manifest(), field.name);
      if (source.index < 0) source.constant = arrow::MakeNullScalar(to_arrow(field.type));
    }
    if (source.index >= 0) places[source.index] = 0;
    sources.push_back(std::move(source));
  }
  int place = 0;
  for (auto& [column, at] : places) {
    at = place++;
    append_leaves(reader->manifest().schema_fields[static_cast<size_t>(column)], leaves);
  }
  for (Source& source : sources) {
    if (source.index >= 0) source.index = places[source.index];
  }
  std::optional<RowSet> deleted;
  if (file.deletion_vector) {
    auto vector = read_vector(files, snapshot.root(), *file.deletion_vector, rows_in(*reader));
    if (!vector) return prefixed(path, std::move(vector).error());
    deleted = *std::move(vector);
  }
  std::vector<int> groups(static_cast<size_t>(reader->num_row_groups()));
  std::iota(groups.begin(), groups.end(), 0);
  try {
    auto rows = reader->GetRecordBatchReader(groups, leaves);
    if (!rows.ok()) return damaged(path, rows.status().message());
    return std::shared_ptr<arrow::RecordBatchReader>(
        std::make_shared<FileRows>(path, to_arrow(Schema{fields}), std::move(sources),
                                   std::move(deleted), std::move(reader), *std::move(rows)));
  } catch (const std::exception& problem) {
    return damaged(path, problem.what());
  }
}

}  // namespace ticklake::delta
