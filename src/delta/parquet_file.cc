#include "delta/parquet_file.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/util/byte_size.h>
#include <fmt/format.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>
#include <parquet/properties.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "delta/statistics.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kSampleRows = 1024;
constexpr int kZstdLevel = 1;
constexpr int64_t kRowsPerGroup = 1 << 20;

struct Sample {
  int64_t rows = 0;
  int64_t distinct = 0;
  // Of values that are whole numbers: how wide the differences of neighbours are, in blocks as
  // DELTA_BINARY_PACKED has them.
  std::optional<double> delta_bits = {};

  bool hardly_repeats() const { return distinct * 2 > rows; }
  // Differences take little more room than places in a dictionary, and no hashing.
  bool is_for_deltas() const {
    constexpr double kBitsMax = 32;
    if (!delta_bits || rows < 2) return false;
    double dictionary_bits = std::log2(static_cast<double>(std::max<int64_t>(distinct, 1)));
    return hardly_repeats() ? *delta_bits <= kBitsMax : *delta_bits <= dictionary_bits + 1;
  }
};

template <typename T>
double bits_of_deltas(const T* values, int64_t rows) {
  constexpr int64_t kBlock = 32;
  int64_t bits = 0, blocks = 0;
  for (int64_t at = 1; at < rows; at += kBlock, ++blocks) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t i = at; i < std::min(at + kBlock, rows); ++i) {
      auto delta = static_cast<int64_t>(static_cast<uint64_t>(values[i]) -
                                        static_cast<uint64_t>(values[i - 1]));
      low = std::min(low, delta);
      high = std::max(high, delta);
    }
    bits += std::bit_width(static_cast<uint64_t>(high) - static_cast<uint64_t>(low));
  }
  return blocks == 0 ? 0 : static_cast<double>(bits) / static_cast<double>(blocks);
}

// Nothing: no column of plain values.
std::optional<Sample> sampled(const arrow::Array& column) {
  Sample out{.rows = std::min(column.length(), kSampleRows)};
  std::unordered_set<std::string_view> seen;
  if (column.type_id() == arrow::Type::STRING || column.type_id() == arrow::Type::BINARY) {
    const auto& texts = static_cast<const arrow::BinaryArray&>(column);
    for (int64_t i = 0; i < out.rows; ++i) seen.insert(texts.GetView(i));
  } else if (arrow::is_fixed_width(column.type_id()) && column.type()->byte_width() > 0) {
    const auto& data = *column.data();
    if (data.buffers.size() < 2 || !data.buffers[1]) return {};
    auto width = static_cast<size_t>(column.type()->byte_width());
    const char* values = reinterpret_cast<const char*>(data.buffers[1]->data()) +
                         static_cast<size_t>(data.offset) * width;
    for (int64_t i = 0; i < out.rows; ++i) {
      seen.insert(std::string_view(values + static_cast<size_t>(i) * width, width));
    }
    auto type = column.type_id();
    if (type == arrow::Type::INT64 || type == arrow::Type::TIMESTAMP) {
      out.delta_bits = bits_of_deltas(reinterpret_cast<const int64_t*>(values), out.rows);
    } else if (type == arrow::Type::INT32 || type == arrow::Type::DATE32) {
      out.delta_bits = bits_of_deltas(reinterpret_cast<const int32_t*>(values), out.rows);
    }
  } else {
    return {};
  }
  out.distinct = static_cast<int64_t>(seen.size());
  return out;
}

std::shared_ptr<parquet::WriterProperties> properties_for(const BatchPtr& sample,
                                                          ParquetForm form) {
  parquet::WriterProperties::Builder builder;
  if (form.codec == parquet::Compression::ZSTD) builder.compression_level(kZstdLevel);
  builder.compression(form.codec)
      ->max_row_group_length(kRowsPerGroup)
      ->set_size_statistics_level(parquet::SizeStatisticsLevel::None)
      ->enable_page_checksum()
      ->created_by("ticklake 0.1.0");
  for (int i = 0; sample && i < sample->num_columns(); ++i) {
    if (sample->column(i)->type()->num_fields() != 0) continue;
    auto values = sampled(*sample->column(i));
    if (!values) continue;
    const std::string& name = sample->column_name(i);
    if (form.deltas && values->is_for_deltas()) {
      builder.disable_dictionary(name)->encoding(name, parquet::Encoding::DELTA_BINARY_PACKED);
    } else if (values->hardly_repeats()) {
      builder.disable_dictionary(name);
    }
  }
  return builder.build();
}

int64_t input_bytes(const arrow::RecordBatch& batch) {
  auto bytes = arrow::util::ReferencedBufferSize(batch);
  return bytes.ok() ? *bytes : arrow::util::TotalBufferSize(batch);
}

}  // namespace

std::optional<parquet::Compression::type> codec_of(std::string_view name) {
  constexpr std::pair<std::string_view, parquet::Compression::type> kCodecs[] = {
      {"zstd", parquet::Compression::ZSTD},
      {"snappy", parquet::Compression::SNAPPY},
      {"gzip", parquet::Compression::GZIP},
      {"uncompressed", parquet::Compression::UNCOMPRESSED},
      {"none", parquet::Compression::UNCOMPRESSED}};
  for (const auto& [known, codec] : kCodecs) {
    if (equal_ignoring_case(name, known)) return codec;
  }
  return {};
}

Result<ParquetFile> ParquetFile::create(io::FileStore& files, const io::Path& path,
                                        const std::shared_ptr<arrow::Schema>& schema,
                                        const BatchPtr& sample, int64_t row_group_bytes,
                                        ParquetForm form) {
  ParquetFile file;
  file.row_group_bytes_ = row_group_bytes;
  file.out_ = TRY(files.create(path));
  try {
    auto arrow_properties = parquet::ArrowWriterProperties::Builder().build();
    file.writer_ =
        TRY_ARROW(parquet::arrow::FileWriter::Open(*schema, arrow::default_memory_pool(), file.out_,
                                                   properties_for(sample, form), arrow_properties));
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
