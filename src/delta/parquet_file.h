// Parquet files: one being written, and the columns of one being read.
#pragma once

#include <arrow/io/interfaces.h>
#include <parquet/arrow/schema.h>
#include <parquet/arrow/writer.h>
#include <parquet/types.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/files.h"
#include "model/arrow.h"

namespace ticklake::delta {

// Table properties, and the values of the second: only what Parquet 1 has, or encodings of 2, too.
inline constexpr const char* kParquetCodec = "delta.parquet.compression.codec";
inline constexpr const char* kParquetVersion = "delta.parquet.format.version";
inline constexpr const char* kParquetVersion1 = "1.0.0";
inline constexpr const char* kParquetVersion2 = "2.12.0";

// How values are laid out.
struct ParquetForm {
  parquet::Compression::type codec = parquet::Compression::ZSTD;
  bool deltas = true;  // DELTA_BINARY_PACKED, an encoding of Parquet 2, where it pays
};

// Values of delta.parquet.compression.codec; nothing: none that is written.
std::optional<parquet::Compression::type> codec_of(std::string_view name);

// A file of the log or of the table; dropped before close(), it never existed.
class ParquetFile {
 public:
  // `sample` decides how the columns are encoded: those whose values hardly repeat get no
  // dictionary.
  static Result<ParquetFile> create(io::FileStore& files, const io::Path& path,
                                    const std::shared_ptr<arrow::Schema>& schema,
                                    const BatchPtr& sample, int64_t row_group_bytes,
                                    ParquetForm form = {});

  Result<void> write(const arrow::RecordBatch& batch);

  // What is written next goes into a row group of its own.
  void end_row_group() { group_ended_ = group_input_bytes_ > 0; }

  // What the file will have at least, once the row group that is being filled is written.
  int64_t bytes() const;

  struct Done {
    int64_t size;
    std::shared_ptr<parquet::FileMetaData> metadata;
    std::set<int> columns_with_nan;
  };
  Result<Done> close();

 private:
  ParquetFile() = default;

  std::shared_ptr<arrow::io::OutputStream> out_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::set<int> nans_;
  int64_t row_group_bytes_ = 0;
  bool group_ended_ = false;
  int64_t group_input_bytes_ = 0;  // of the row group being filled
  int64_t all_input_bytes_ = 0;    // of the row groups before it
};

// Adds the leaf columns below a field, as Parquet counts them.
void append_leaves(const parquet::arrow::SchemaField& field, std::vector<int>& out);

}  // namespace ticklake::delta
