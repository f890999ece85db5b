// Rows as JSON and CSV, in the forms that formats.h promises.
#include <arrow/array.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/time.h"
#include "formats/formats.h"
#include "formats/scalar.h"

namespace ticklake::formats {
namespace {

template <typename T>
void append_integer(std::string& out, T value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

// The shortest digits that read back as the same value, always with a point or an exponent.
template <typename T>
void append_real(std::string& out, T value) {
  char buffer[64];
  char* end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

template <typename T>
std::string_view name_of_special(T value) {
  return std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
}

// Spark's text of a day-time interval.
std::string interval_text(int64_t micros) {
  uint64_t size = micros < 0 ? 0 - static_cast<uint64_t>(micros) : static_cast<uint64_t>(micros);
  uint64_t seconds = size / kMicrosPerSecond, fraction = size % kMicrosPerSecond;
  std::string text = fmt::format("INTERVAL '{}{} {:02}:{:02}:{:02}", micros < 0 ? "-" : "",
                                 seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60,
                                 seconds % 60);
  if (fraction != 0) text += fmt::format(".{:06}", fraction);
  return text + "' DAY TO SECOND";
}

// Writes the cells of one column. Bare: without the quotes that JSON puts around a text (for CSV).
class CellWriter {
 public:
  static Result<CellWriter> make(std::string_view name, const Type& type,
                                 const arrow::Array& array);

  void json(std::string& out, int64_t row) const;
  // The text of a cell that is not NULL as it stands in CSV, before quoting.
  void bare(std::string& out, int64_t row) const;

  const std::string& key() const { return key_; }  // "\"name\":"
  bool is_null(int64_t row) const { return type_.kind == Kind::Null || array_->IsNull(row); }

 private:
  CellWriter(const Type& type, const arrow::Array& array) : type_(type), array_(&array) {}

  template <typename A>
  const A& as() const {
    return static_cast<const A&>(*array_);
  }
  bool is_quoted(int64_t row) const;
  void number(std::string& out, int64_t row) const;
  void text(std::string& out, int64_t row) const;
  void nested(std::string& out, int64_t row) const;

  Type type_;
  const arrow::Array* array_;
  std::string key_;
  std::vector<CellWriter> children_;
  std::vector<std::shared_ptr<arrow::Array>> held_;  // of the children
};

Result<CellWriter> CellWriter::make(std::string_view name, const Type& type,
                                    const arrow::Array& array) {
  if (array.type_id() != to_arrow(type)->id()) {
    return Error{Code::Invalid, fmt::format("column {} is {} where the schema says {}", name,
                                            array.type()->ToString(), to_sql(type))};
  }
  CellWriter out(type, array);
  append_json_string(out.key_, name);
  out.key_ += ':';
  if (!type.is_nested()) return out;
  if (type.kind == Kind::Struct) {
    const auto& parts = static_cast<const arrow::StructArray&>(array);
    for (int i = 0; i < parts.num_fields(); ++i) out.held_.push_back(parts.field(i));
  } else if (type.kind == Kind::Array) {
    out.held_.push_back(static_cast<const arrow::ListArray&>(array).values());
  } else {
    const auto& map = static_cast<const arrow::MapArray&>(array);
    out.held_ = {map.keys(), map.items()};
  }
  if (out.held_.size() != type.children->size()) {
    return Error{Code::Invalid, fmt::format("column {} does not have the fields of {}", name,
                                            to_sql(type))};
  }
  for (size_t i = 0; i < out.held_.size(); ++i) {
    const Field& child = (*type.children)[i];
    auto made = make(child.name, child.type, *out.held_[i]);
    if (!made) return std::move(made).error();
    out.children_.push_back(*std::move(made));
  }
  return out;
}

bool CellWriter::is_quoted(int64_t row) const {
  switch (type_.kind) {
    case Kind::Double: return !std::isfinite(as<arrow::DoubleArray>().Value(row));
    case Kind::Float: return !std::isfinite(as<arrow::FloatArray>().Value(row));
    case Kind::Binary:
    case Kind::Date:
    case Kind::Timestamp:
    case Kind::TimestampNtz:
    case Kind::Interval: return true;
    default: return false;
  }
}

void CellWriter::number(std::string& out, int64_t row) const {
  switch (type_.kind) {
    case Kind::Boolean:
      out += as<arrow::BooleanArray>().Value(row) ? "true" : "false";
      break;
    case Kind::Byte: append_integer<int>(out, as<arrow::Int8Array>().Value(row)); break;
    case Kind::Short: append_integer(out, as<arrow::Int16Array>().Value(row)); break;
    case Kind::Integer: append_integer(out, as<arrow::Int32Array>().Value(row)); break;
    case Kind::Long: append_integer(out, as<arrow::Int64Array>().Value(row)); break;
    case Kind::Float: append_real(out, as<arrow::FloatArray>().Value(row)); break;
    case Kind::Double: append_real(out, as<arrow::DoubleArray>().Value(row)); break;
    default: {
      arrow::Decimal128 value(as<arrow::Decimal128Array>().GetValue(row));
      // Not Decimal128::ToString(scale): it turns small values into an exponent form.
      std::string digits = value.ToIntegerString();
      bool negative = digits[0] == '-';
      if (negative) digits.erase(0, 1);
      size_t scale = type_.scale;
      if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
      if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
      if (negative) out += '-';
      out += digits;
    }
  }
}

void CellWriter::text(std::string& out, int64_t row) const {
  switch (type_.kind) {
    case Kind::Double: out += name_of_special(as<arrow::DoubleArray>().Value(row)); break;
    case Kind::Float: out += name_of_special(as<arrow::FloatArray>().Value(row)); break;
    case Kind::Binary: append_base64(out, as<arrow::BinaryArray>().GetView(row)); break;
    case Kind::Date: out += format_date(as<arrow::Date32Array>().Value(row)); break;
    case Kind::Timestamp: out += format_instant(as<arrow::TimestampArray>().Value(row)); break;
    case Kind::TimestampNtz:
      out += format_wall_time(as<arrow::TimestampArray>().Value(row));
      break;
    default: out += interval_text(as<arrow::DurationArray>().Value(row));
  }
}

void CellWriter::nested(std::string& out, int64_t row) const {
  if (type_.kind == Kind::Struct) {
    out += '{';
    for (size_t i = 0; i < children_.size(); ++i) {
      if (i > 0) out += ',';
      out += children_[i].key();
      children_[i].json(out, row);
    }
    out += '}';
    return;
  }
  const auto& list = as<arrow::ListArray>();  // a map is a list of entries
  bool map = type_.kind == Kind::Map;
  out += map ? '{' : '[';
  for (int64_t i = list.value_offset(row); i < list.value_offset(row + 1); ++i) {
    if (i > list.value_offset(row)) out += ',';
    if (map) {
      std::string key;
      children_[0].bare(key, i);
      append_json_string(out, key);
      out += ':';
    }
    children_.back().json(out, i);
  }
  out += map ? '}' : ']';
}

void CellWriter::json(std::string& out, int64_t row) const {
  if (is_null(row)) {
    out += "null";
  } else if (type_.kind == Kind::String) {
    append_json_string(out, as<arrow::StringArray>().GetView(row));
  } else if (type_.is_nested()) {
    nested(out, row);
  } else if (is_quoted(row)) {
    out += '"';
    text(out, row);
    out += '"';
  } else {
    number(out, row);
  }
}

void CellWriter::bare(std::string& out, int64_t row) const {
  if (type_.kind == Kind::String) {
    out += as<arrow::StringArray>().GetView(row);
  } else if (is_quoted(row)) {
    text(out, row);
  } else {
    json(out, row);
  }
}

Result<std::vector<CellWriter>> writers_of(const arrow::RecordBatch& batch,
                                           const Schema& schema) {
  if (static_cast<size_t>(batch.num_columns()) != schema.fields.size()) {
    return Error{Code::Invalid, fmt::format("a batch of {} columns where the schema has {}",
                                            batch.num_columns(), schema.fields.size())};
  }
  std::vector<CellWriter> out;
  for (int i = 0; i < batch.num_columns(); ++i) {
    const Field& field = schema.fields[static_cast<size_t>(i)];
    out.push_back(TRY(CellWriter::make(field.name, field.type, *batch.column(i))));
  }
  return out;
}

void append_object(std::string& out, const std::vector<CellWriter>& writers, int64_t row) {
  out += '{';
  for (size_t i = 0; i < writers.size(); ++i) {
    if (i > 0) out += ',';
    out += writers[i].key();
    writers[i].json(out, row);
  }
  out += '}';
}

void append_csv_text(std::string& out, std::string_view text) {
  // An empty text is quoted: nothing at all is NULL.
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

Result<std::string> to_json_lines(const arrow::RecordBatch& batch, const Schema& schema) {
  auto writers = TRY(writers_of(batch, schema));
  std::string out;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    append_object(out, writers, row);
    out += '\n';
  }
  return out;
}

Result<std::string> to_json(const arrow::RecordBatch& batch, const Schema& schema, int64_t row) {
  CHECK(row >= 0 && row < batch.num_rows(), "a row of the batch");
  auto writers = TRY(writers_of(batch, schema));
  std::string out;
  append_object(out, writers, row);
  return out;
}

Result<std::string> to_csv(const arrow::RecordBatch& batch, const Schema& schema, bool header) {
  auto writers = TRY(writers_of(batch, schema));
  std::string out, cell;
  for (size_t i = 0; header && i < schema.fields.size(); ++i) {
    if (i > 0) out += ',';
    append_csv_text(out, schema.fields[i].name);
  }
  if (header) out += '\n';
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    for (size_t i = 0; i < writers.size(); ++i) {
      if (i > 0) out += ',';
      if (writers[i].is_null(row)) continue;
      cell.clear();
      writers[i].bare(cell, row);
      append_csv_text(out, cell);
    }
    out += '\n';
  }
  return out;
}

}  // namespace ticklake::formats
