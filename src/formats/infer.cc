// The schema of files that nobody declared, as Spark infers it: the narrowest type that holds every
// value seen of a column.
#include <arrow/io/interfaces.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "formats/csv_names.h"
#include "formats/csv_value.h"
#include "formats/infer_json.h"
#include "formats/text_rows.h"

namespace ticklake::formats {
namespace {

Schema text_schema(bool binary) {
  if (!binary) return {{{"value", Kind::String}}};
  return {{{"path", Kind::String},
           {"modificationTime", Kind::Timestamp},
           {"length", Kind::Long},
           {"content", Kind::Binary}}};
}

class CsvInference final : public SchemaInference {
 public:
  explicit CsvInference(FileFormat format) : format_(std::move(format)), cells_(format_) {}

  Result<void> add(SourceFile file, int64_t bytes_max, FilePlace from) override;
  Schema schema() const override;

 private:
  size_t column(const std::string& name);

  FileFormat format_;
  CsvCells cells_;
  std::vector<Field> columns_;
};

size_t CsvInference::column(const std::string& name) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (equal_ignoring_case(columns_[i].name, name)) return i;
  }
  columns_.push_back({name, Kind::Null});
  return columns_.size() - 1;
}

Result<void> CsvInference::add(SourceFile file, int64_t bytes_max, FilePlace from) {
  TimePatterns patterns = TRY(TimePatterns::make(format_));
  auto records = TRY(RecordSplitter::open(file, format_, {}));
  Record record;
  bool more = TRY(next_csv_line(records, cells_, record));
  if (!more || !is_utf8(record.text)) return {};
  std::vector<size_t> places;
  for (const auto& name : csv_names(cells_.cut(record.text), format_)) {
    places.push_back(column(name));
  }
  if (from.position > records.place().position) {
    records = TRY(RecordSplitter::open(file, format_, from));
    more = TRY(next_csv_line(records, cells_, record));
  } else if (format_.header) {
    more = TRY(next_csv_line(records, cells_, record));
  }
  int64_t start = records.place().position;
  while (more) {
    const auto& cells = cells_.cut(record.text);
    for (size_t i = 0; i < std::min(cells.size(), places.size()); ++i) {
      std::string_view text = cells[i].text;
      Type& type = columns_[places[i]].type;
      if (text.empty() || text == format_.null_value) continue;
      type = format_.infer_types ? csv_type(type, text, patterns) : Type(Kind::String);
    }
    if (records.place().position - start >= bytes_max) break;
    more = TRY(next_csv_line(records, cells_, record));
  }
  return {};
}

Schema CsvInference::schema() const {
  Schema out{columns_};
  for (Field& field : out.fields) {
    if (field.type.kind == Kind::Null) field.type = Kind::String;
  }
  return out;
}

class JsonInference final : public SchemaInference {
 public:
  explicit JsonInference(FileFormat format)
      : format_(std::move(format)), shapes_(make_json_shapes(format_)) {}

  Result<void> add(SourceFile file, int64_t bytes_max, FilePlace from) override {
    auto records = TRY(RecordSplitter::open(file, format_, from));
    Record record;
    int64_t start = records.place().position;
    while (records.place().position - start < bytes_max) {
      bool more = TRY(records.next(record));
      if (!more) break;
      shapes_->add(record.text);
    }
    return {};
  }
  Schema schema() const override { return shapes_->schema(); }

 private:
  FileFormat format_;
  std::unique_ptr<JsonShapes> shapes_;
};

class ParquetInference final : public SchemaInference {
 public:
  Result<void> add(SourceFile file, int64_t, FilePlace) override {
    for (const Field& field : TRY(parquet_schema(file)).fields) {
      int at = schema_.find(field.name);
      if (at < 0) {
        schema_.fields.push_back(field);
        schema_.fields.back().nullable = true;
        continue;
      }
      Type& type = schema_.fields[static_cast<size_t>(at)].type;
      bool wider = (type.is_integral() && field.type.is_integral()) ||
                   (type.kind == Kind::Float && field.type.kind == Kind::Double);
      if (wider && field.type.kind > type.kind) type = field.type;
    }
    return {};
  }
  Schema schema() const override { return schema_; }

 private:
  Schema schema_;
};

class FixedSchema final : public SchemaInference {
 public:
  explicit FixedSchema(bool binary) : binary_(binary) {}
  Result<void> add(SourceFile, int64_t, FilePlace) override { return {}; }
  Schema schema() const override { return text_schema(binary_); }

 private:
  bool binary_;
};

}  // namespace

std::unique_ptr<SchemaInference> SchemaInference::make(FileFormat format) {
  using Form = FileFormat::Form;
  switch (format.form) {
    case Form::Csv: return std::make_unique<CsvInference>(std::move(format));
    case Form::Json: return std::make_unique<JsonInference>(std::move(format));
    case Form::Parquet: return std::make_unique<ParquetInference>();
    default: return std::make_unique<FixedSchema>(format.form == Form::BinaryFile);
  }
}

}  // namespace ticklake::formats
