// Rows of Parquet files. A place in a file is the number of a row.
#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include <map>

#include "base/text.h"
#include "formats/text_rows.h"
#include "model/columns.h"

namespace ticklake::formats {
namespace {

constexpr int64_t kRowsPerBatch = 16 << 10;

Error damaged(const std::string& name, std::string_view why) {
  return {Code::Corrupt,
          fmt::format("{}: the file is damaged: {}; put a whole one in its place, or read past "
                      "such files with ignoreCorruptFiles => true",
                      name, why)};
}

Result<std::unique_ptr<parquet::arrow::FileReader>> reader_of(const SourceFile& file) {
  parquet::ArrowReaderProperties properties(false);
  properties.set_batch_size(kRowsPerBatch);
  properties.set_coerce_int96_timestamp_unit(arrow::TimeUnit::MICRO);
  properties.set_pre_buffer(false);
  parquet::ReaderProperties buffered = parquet::default_reader_properties();
  buffered.enable_buffered_stream();
  buffered.set_page_checksum_verification(true);
  try {
    parquet::arrow::FileReaderBuilder builder;
    arrow::Status status = builder.Open(file.bytes, buffered);
    if (!status.ok()) return damaged(file.name, status.message());
    auto reader = builder.properties(properties)->Build();
    if (!reader.ok()) return damaged(file.name, reader.status().message());
    return *std::move(reader);
  } catch (const std::exception& problem) {
    return damaged(file.name, problem.what());
  }
}

class ParquetRows final : public FileReader {
 public:
  ParquetRows(SourceFile file, FileFormat format, Schema schema)
      : file_(std::move(file)), format_(std::move(format)), schema_(std::move(schema)) {}

  Result<void> begin(FilePlace from);
  Result<Rows> next(int64_t rows_max, int64_t bytes_max) override;
  FilePlace place() const override { return {row_, row_ + 1}; }
  const std::set<std::string>& unknown() const override { return unknown_; }

 private:
  Result<void> open_rows(const std::vector<int>& groups);
  Result<BatchPtr> read();
  Result<BatchPtr> adapted_rows(const arrow::RecordBatch& read);
  int file_column(const std::string& name) const;
  void match_columns(const arrow::Schema& theirs);
  Result<std::shared_ptr<arrow::Array>> rescued(const arrow::RecordBatch& read) const;

  SourceFile file_;
  FileFormat format_;
  Schema schema_;
  int rescued_ = -1;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> rows_;
  Schema theirs_;
  std::vector<int> sources_;   // of the schema's columns: which column read, or -1
  std::vector<int> leftover_;  // columns of the file that are no columns of the schema
  std::vector<Field> leftover_fields_;
  BatchPtr ahead_;             // read but not given yet
  int64_t row_ = 0;
  int64_t rows_total_ = 0;
  std::set<std::string> unknown_;
};

int ParquetRows::file_column(const std::string& name) const {
  int near = -1;
  for (size_t i = 0; i < theirs_.fields.size(); ++i) {
    if (theirs_.fields[i].name == name) return static_cast<int>(i);
    if (equal_ignoring_case(theirs_.fields[i].name, name)) near = static_cast<int>(i);
  }
  // Spark's reader of Parquet takes names as they come, unless the case is to be minded.
  return format_.case_sensitive && format_.by_name ? -1 : near;
}

void ParquetRows::match_columns(const arrow::Schema& theirs) {
  std::set<int> taken;
  for (const Field& field : schema_.fields) {
    int index = file_column(field.name);
    auto column = index < 0 ? nullptr : theirs.field(index)->type();
    bool fits = column && can_adapt(*column, field.type);
    if (index >= 0 && !fits && format_.by_name) index = -1;
    if (index >= 0) taken.insert(index);
    sources_.push_back(index);
  }
  for (int i = 0; i < theirs.num_fields(); ++i) {
    if (taken.contains(i)) continue;
    leftover_.push_back(i);
    const std::string& name = theirs.field(i)->name();
    if (schema_.find(name) < 0) unknown_.insert(name);
  }
}

Result<void> ParquetRows::begin(FilePlace from) {
  reader_ = TRY(reader_of(file_));
  rescued_ = format_.rescued.empty() ? -1 : schema_.find(format_.rescued);
  std::shared_ptr<arrow::Schema> theirs;
  TRY_STATUS(reader_->GetSchema(&theirs));
  auto schema = schema_from_arrow(*theirs);
  if (!schema) return prefixed(file_.name, schema.error());
  theirs_ = *std::move(schema);
  match_columns(*theirs);
  const auto& metadata = *reader_->parquet_reader()->metadata();
  rows_total_ = metadata.num_rows();
  std::vector<int> groups;
  for (int i = 0; i < metadata.num_row_groups(); ++i) {
    int64_t rows = metadata.RowGroup(i)->num_rows();
    bool passed = groups.empty() && row_ + rows <= from.position;
    if (passed) row_ += rows;
    else groups.push_back(i);
  }
  TRY(open_rows(groups));
  while (row_ < from.position) {
    ahead_ = TRY(read());
    if (!ahead_) break;
    int64_t skipped = std::min(from.position - row_, ahead_->num_rows());
    row_ += skipped;
    ahead_ = skipped == ahead_->num_rows() ? nullptr : ahead_->Slice(skipped);
  }
  return {};
}

void append_leaves(const parquet::arrow::SchemaField& field, std::vector<int>& out) {
  if (field.is_leaf()) out.push_back(field.column_index);
  for (const auto& child : field.children) append_leaves(child, out);
}

// Columns that nobody asks for are not read, unless they are to be rescued.
Result<void> ParquetRows::open_rows(const std::vector<int>& groups) {
  std::set<int> wanted(sources_.begin(), sources_.end());
  wanted.erase(-1);
  if (rescued_ >= 0) wanted.insert(leftover_.begin(), leftover_.end());
  std::vector<int> leaves;
  std::map<int, int> places = {{-1, -1}};
  for (int column : wanted) {
    places[column] = static_cast<int>(places.size()) - 1;
    append_leaves(reader_->manifest().schema_fields[static_cast<size_t>(column)], leaves);
  }
  for (int& source : sources_) source = places[source];
  std::vector<Field> names;
  for (int& column : leftover_) {
    names.push_back(theirs_.fields[static_cast<size_t>(column)]);
    column = places.contains(column) ? places[column] : -1;
  }
  leftover_fields_ = std::move(names);
  auto rows = reader_->GetRecordBatchReader(groups, leaves);
  if (!rows.ok()) return damaged(file_.name, rows.status().message());
  rows_ = *std::move(rows);
  return {};
}

Result<BatchPtr> ParquetRows::read() {
  BatchPtr batch;
  arrow::Status status;
  try {
    status = rows_->ReadNext(&batch);
  } catch (const std::exception& problem) {
    status = arrow::Status::Invalid(problem.what());
  }
  if (!status.ok()) return damaged(file_.name, status.message());
  if (!batch && row_ < rows_total_) {
    return damaged(file_.name, fmt::format("{} of its rows cannot be read", rows_total_ - row_));
  }
  return batch;
}

// The leftover columns' values of each row as one JSON object; NULL where there are none.
Result<std::shared_ptr<arrow::Array>> ParquetRows::rescued(const arrow::RecordBatch& read) const {
  arrow::StringBuilder out;
  for (int64_t row = 0; row < read.num_rows(); ++row) {
    std::string text;
    for (size_t i = 0; i < leftover_.size(); ++i) {
      int index = leftover_[i];
      if (read.column(index)->IsNull(row)) continue;
      Schema one{{leftover_fields_[i]}};
      auto column = TRY(adapted(read.column(index), one.fields[0].type));
      auto batch = arrow::RecordBatch::Make(to_arrow(one), read.num_rows(), {column});
      std::string object = TRY(to_json(*batch, one, row));
      text += (text.empty() ? "{" : ",") + object.substr(1, object.size() - 2);
    }
    if (text.empty()) {
      TRY_STATUS(out.AppendNull());
      continue;
    }
    text += ",\"_file_path\":";
    append_json_string(text, file_.uri);
    TRY_STATUS(out.Append(text + "}"));
  }
  return from_arrow(out.Finish());
}

Result<BatchPtr> ParquetRows::adapted_rows(const arrow::RecordBatch& read) {
  arrow::ArrayVector columns;
  for (size_t i = 0; i < schema_.fields.size(); ++i) {
    const Field& field = schema_.fields[i];
    int place = static_cast<int>(i);
    if (place == rescued_ && !leftover_.empty()) {
      columns.push_back(TRY(rescued(read)));
    } else if (sources_[i] < 0) {
      columns.push_back(
          TRY_ARROW(arrow::MakeArrayOfNull(to_arrow(field.type), read.num_rows())));
    } else {
      auto column = adapted(read.column(sources_[i]), field.type);
      if (!column) {
        return prefixed(fmt::format("{}, rows {} to {}, column {}", file_.name, row_ + 1,
                                    row_ + read.num_rows(), field.name),
                        std::move(column).error());
      }
      columns.push_back(*std::move(column));
    }
  }
  return arrow::RecordBatch::Make(to_arrow(schema_), read.num_rows(), std::move(columns));
}

Result<FileReader::Rows> ParquetRows::next(int64_t rows_max, int64_t) {
  Rows out;
  while (!ahead_ || ahead_->num_rows() == 0) {
    ahead_ = TRY(read());
    if (!ahead_) return out;
  }
  int64_t count = std::min(std::max<int64_t>(rows_max, 1), ahead_->num_rows());
  out.batch = TRY(adapted_rows(*ahead_->Slice(0, count)));
  for (int64_t i = 0; i < count; ++i) out.places.push_back({row_ + i, row_ + i + 1});
  ahead_ = ahead_->Slice(count);
  row_ += count;
  return out;
}

}  // namespace

Result<std::unique_ptr<FileReader>> open_parquet(SourceFile file, FileFormat format, Schema schema,
                                                 FilePlace from) {
  auto out = std::make_unique<ParquetRows>(std::move(file), std::move(format), std::move(schema));
  TRY(out->begin(from));
  return std::unique_ptr<FileReader>(std::move(out));
}

Result<Schema> parquet_schema(const SourceFile& file) {
  auto reader = TRY(reader_of(file));
  std::shared_ptr<arrow::Schema> theirs;
  TRY_STATUS(reader->GetSchema(&theirs));
  auto schema = schema_from_arrow(*theirs);
  if (!schema) return prefixed(file.name, schema.error());
  // INT96 is an instant, though nothing says so.
  const auto& leaves = *reader->parquet_reader()->metadata()->schema();
  for (size_t i = 0; i < schema->fields.size(); ++i) {
    const auto& field = reader->manifest().schema_fields[i];
    bool old = field.is_leaf() &&
               leaves.Column(field.column_index)->physical_type() == parquet::Type::INT96;
    if (old) schema->fields[i].type = Kind::Timestamp;
  }
  return schema;
}

}  // namespace ticklake::formats
