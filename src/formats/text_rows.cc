#include "formats/text_rows.h"

#include "base/text.h"
#include "formats/record_splitter.h"
#include "formats/row_sink.h"

namespace ticklake::formats {
namespace {

// A record is a value as it stands: a line of text, or a file.
class TextRows final : public RecordRows {
 public:
  TextRows(const SourceFile& file, RecordSplitter records, RowSink sink, bool binary)
      : RecordRows(std::move(records), std::move(sink)),
        uri_(file.uri),
        modified_us_(file.modified_us),
        binary_(binary) {}

 private:
  Result<void> add(const Record& record) override {
    if (!binary_ && !is_utf8(record.text)) {
      return sink().add_malformed(record.text, record.place, "invalid UTF-8");
    }
    Column& data = sink().data();
    for (size_t i = 0; i < sink().fields().size(); ++i) {
      const std::string& name = sink().fields()[i].name;
      Column& column = data.children()[i];
      if (!binary_ && name == "value") column.append_bytes(record.text);
      else if (binary_ && name == "content") column.append_bytes(record.text);
      else if (binary_ && name == "path") column.append_bytes(uri_);
      else if (binary_ && name == "modificationTime") column.append(modified_us_);
      else if (binary_ && name == "length") column.append(static_cast<int64_t>(record.text.size()));
      else column.append_null();
    }
    data.append_parent();
    return sink().add(record.text, record.place, "", {});
  }

  std::string uri_;
  int64_t modified_us_;
  bool binary_;
};

}  // namespace

RecordRows::RecordRows(RecordSplitter records, RowSink sink)
    : records_(std::make_unique<RecordSplitter>(std::move(records))),
      sink_(std::make_unique<RowSink>(std::move(sink))) {}

RecordRows::~RecordRows() = default;

FilePlace RecordRows::place() const { return records_->place(); }

Result<FileReader::Rows> RecordRows::next(int64_t rows_max, int64_t bytes_max) {
  Record record;
  int64_t start = place().position;
  bool any = false;
  while (sink_->rows() < rows_max && place().position - start < bytes_max) {
    bool more = TRY(records_->next(record));
    if (!more) break;
    any = true;
    TRY(add(record));
  }
  if (!any) return Rows();
  return sink_->finish();
}

Result<std::unique_ptr<FileReader>> open_text(SourceFile file, FileFormat format, Schema schema,
                                              FilePlace from) {
  bool binary = format.form == FileFormat::Form::BinaryFile;
  auto records = TRY(RecordSplitter::open(file, format, from));
  RowSink sink(file, format, std::move(schema));
  return std::unique_ptr<FileReader>(
      std::make_unique<TextRows>(file, std::move(records), std::move(sink), binary));
}

Result<std::unique_ptr<FileReader>> FileReader::open(SourceFile file, FileFormat format,
                                                     Schema schema, FilePlace from) {
  using Form = FileFormat::Form;
  switch (format.form) {
    case Form::Csv:
      return open_csv(std::move(file), std::move(format), std::move(schema), from);
    case Form::Json:
      return open_json(std::move(file), std::move(format), std::move(schema), from);
    case Form::Parquet:
      return open_parquet(std::move(file), std::move(format), std::move(schema), from);
    default: return open_text(std::move(file), std::move(format), std::move(schema), from);
  }
}

Result<void> check_time_formats(const FileFormat& format) {
  TRY(TimePatterns::make(format));
  return {};
}

}  // namespace ticklake::formats
