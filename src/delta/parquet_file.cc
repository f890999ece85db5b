#include "delta/parquet_file.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>
#include <parquet/properties.h>

#include <cstring>
#include <string_view>
#include <unordered_set>

#include "delta/statistics.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kSampleRows = 1024;
constexpr int kZstdLevel = 1;
constexpr int64_t kRowsPerGroup = 1 << 20;

// Whether more than half of the sampled values differ from all before them.
bool hardly_repeats(const arrow::Array& column) {
  int64_t rows = std::min(column.length(), kSampleRows);
  std::unordered_set<std::string_view> seen;
  if (column.type_id() == arrow::Type::STRING || column.type_id() == arrow::Type::BINARY) {
    const auto& texts = static_cast<const arrow::BinaryArray&>(column);
    for (int64_t i = 0; i < rows; ++i) seen.insert(texts.GetView(i));
  } else if (arrow::is_fixed_width(column.type_id()) && column.type()->byte_width() > 0) {
    const auto& data = *column.data();
    if (data.buffers.size() < 2 || !data.buffers[1]) return false;
    auto width = static_cast<size_t>(column.type()->byte_width());
    const char* values = reinterpret_cast<const char*>(data.buffers[1]->data()) +
                         static_cast<size_t>(data.offset) * width;
    for (int64_t i = 0; i < rows; ++i) {
      seen.insert(std::string_view(values + static_cast<size_t>(i) * width, width));
    }
  } else {
    return false;
  }
  return static_cast<int64_t>(seen.size()) * 2 > rows;
}

std::shared_ptr<parquet::WriterProperties> properties_for(const BatchPtr& sample) {
  parquet::WriterProperties::Builder builder;
  builder.compression(parquet::Compression::ZSTD)
      ->compression_level(kZstdLevel)
      ->max_row_group_length(kRowsPerGroup)
      ->set_size_statistics_level(parquet::SizeStatisticsLevel::None)
      ->enable_page_checksum()
      ->created_by("ticklake 0.1.0");
  for (int i = 0; sample && i < sample->num_columns(); ++i) {
    if (sample->column(i)->type()->num_fields() == 0 && hardly_repeats(*sample->column(i))) {
      builder.disable_dictionary(sample->column_name(i));
    }
  }
  return builder.build();
}

int64_t input_bytes(const arrow::RecordBatch& batch) {
  auto bytes = arrow::util::ReferencedBufferSize(batch);
  return bytes.ok() ? *bytes : arrow::util::TotalBufferSize(batch);
}

}  // namespace

Result<ParquetFile> ParquetFile::create(io::FileStore& files, const io::Path& path,
                                        const std::shared_ptr<arrow::Schema>& schema,
                                        const BatchPtr& sample, int64_t row_group_bytes) {
  ParquetFile file;
  file.row_group_bytes_ = row_group_bytes;
  file.out_ = TRY(files.create(path));
  try {
    auto arrow_properties = parquet::ArrowWriterProperties::Builder().build();
    file.writer_ =
        TRY_ARROW(parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), file.out_,
                                                   properties_for(sample), arrow_properties));
  } catch (const std::exception& problem) {
    return Error{Code::Invalid, fmt::format("{}: {}", path, problem.what())};
  }
  return file;
}

Result<void> ParquetFile::write(const arrow::RecordBatch& batch) {
  if (group_input_bytes_ >= row_group_bytes_ || group_ended_) {
    TRY_STATUS(writer_->NewBufferedRowGroup());
    group_ended_ = false;
    all_input_bytes_ += group_input_bytes_;
    group_input_bytes_ = 0;
  }
  TRY_STATUS(writer_->WriteRecordBatch(batch));
  note_nans(batch, nans_);
  group_input_bytes_ += input_bytes(batch);
  return {};
}

int64_t ParquetFile::bytes() const {
  auto told = out_->Tell();
  int64_t written = told.ok() ? *told : 0;
  // The row group in memory will shrink as those before it did; the first one by a cautious guess.
  constexpr int64_t kUsualRatio = 4;
  int64_t waiting = all_input_bytes_ > 0
                        ? static_cast<int64_t>(static_cast<double>(group_input_bytes_) *
                                               static_cast<double>(written) /
                                               static_cast<double>(all_input_bytes_))
                        : group_input_bytes_ / kUsualRatio;
  return written + waiting;
}

Result<ParquetFile::Done> ParquetFile::close() {
  TRY_STATUS(writer_->Close());
  Done done;
  done.metadata = writer_->metadata();
  done.columns_with_nan = std::move(nans_);
  done.size = TRY_ARROW(out_->Tell());
  TRY_STATUS(out_->Close());
  return done;
}

void append_leaves(const parquet::arrow::SchemaField& field, std::vector<int>& out) {
  if (field.is_leaf()) out.push_back(field.column_index);
  for (const auto& child : field.children) append_leaves(child, out);
}

}  // namespace ticklake::delta
