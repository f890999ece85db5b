// Rows of files that are cut into records: CSV, JSON, text and whole files. Private to the folder.
#pragma once

#include <memory>

#include "formats/formats.h"

namespace ticklake::formats {

Result<std::unique_ptr<FileReader>> open_csv(SourceFile file, FileFormat format, Schema schema,
                                             FilePlace from);
Result<std::unique_ptr<FileReader>> open_json(SourceFile file, FileFormat format, Schema schema,
                                              FilePlace from);
Result<std::unique_ptr<FileReader>> open_text(SourceFile file, FileFormat format, Schema schema,
                                              FilePlace from);
Result<std::unique_ptr<FileReader>> open_parquet(SourceFile file, FileFormat format, Schema schema,
                                                 FilePlace from);
// Of a Parquet file's footer. Unsupported: it has types that a table cannot.
Result<Schema> parquet_schema(const SourceFile& file);

// What the readers of records share: they add the rows of one record after another.
class RecordRows : public FileReader {
 public:
  Result<Rows> next(int64_t rows_max, int64_t bytes_max) final;
  FilePlace place() const final;
  const std::set<std::string>& unknown() const final { return unknown_; }

 protected:
  RecordRows(class RecordSplitter records, class RowSink sink);
  ~RecordRows() override;

  virtual Result<void> add(const struct Record& record) = 0;
  RowSink& sink() { return *sink_; }
  const RowSink& sink() const { return *sink_; }
  std::set<std::string> unknown_;

 private:
  std::unique_ptr<RecordSplitter> records_;
  std::unique_ptr<RowSink> sink_;
};

}  // namespace ticklake::formats
