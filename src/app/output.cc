#include "app/output.h"

#include <arrow/array.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/writer.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/text.h"
#include "formats/formats.h"

namespace ticklake::app {

namespace {

constexpr size_t kCellCharactersMax = 60;
constexpr std::array kFormats = {Format::JsonLines, Format::Json, Format::Csv, Format::Table,
                                 Format::Arrow};

bool starts_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

// One line of at most kCellCharactersMax characters.
std::string as_cell(std::string_view text) {
  std::string cell;
  size_t count = 0;
  for (char byte : text) {
    if (starts_character(byte) && ++count >= kCellCharactersMax) return cell + "…";
    cell += static_cast<unsigned char>(byte) < 0x20 ? ' ' : byte;
  }
  return cell;
}

std::string rule(const std::vector<size_t>& widths, const char* left, const char* middle,
                 const char* right) {
  std::string line = left;
  for (size_t i = 0; i < widths.size(); ++i) {
    if (i > 0) line += middle;
    for (size_t n = 0; n < widths[i] + 2; ++n) line += "─";
  }
  return line + right + "\n";
}

std::string row_line(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                     const std::vector<bool>& right) {
  std::string line;
  for (size_t i = 0; i < widths.size(); ++i) {
    const std::string& cell = i < cells.size() ? cells[i] : std::string();
    std::string blanks(widths[i] - std::min(widths[i], characters(cell)), ' ');
    line += i == 0 ? "│ " : " │ ";
    line += right[i] ? blanks + cell : cell + blanks;
  }
  return line + " │\n";
}

bool stands_right(const Type& type) { return type.is_numeric(); }

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (char byte : text) {
    if (byte == '"') quoted += '"';
    quoted += byte;
  }
  return quoted + "\"";
}

// A JSON text as a person reads it: strings without quotes, NULL by `null`.
std::string plain(const std::string& json, std::string_view null) {
  if (json == "null") return std::string(null);
  if (json.empty() || json.front() != '"') return json;
  auto value = nlohmann::json::parse(json, nullptr, false);
  return value.is_string() ? value.get<std::string>() : json;
}

void put(std::FILE* out, std::string_view text) { std::fwrite(text.data(), 1, text.size(), out); }

// The standard library's file as Arrow writes to it. It stays open.
class Sink final : public arrow::io::OutputStream {
 public:
  explicit Sink(std::FILE* out) : out_(out) { set_mode(arrow::io::FileMode::WRITE); }
  arrow::Status Write(const void* data, int64_t size) override {
    size_t written = std::fwrite(data, 1, static_cast<size_t>(size), out_);
    told_ += size;
    if (written == static_cast<size_t>(size)) return arrow::Status::OK();
    return arrow::Status::IOError(std::strerror(errno));
  }
  using arrow::io::OutputStream::Write;
  arrow::Result<int64_t> Tell() const override { return told_; }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }

 private:
  std::FILE* out_;
  int64_t told_ = 0;
  bool closed_ = false;
};

Result<void> written(const arrow::Status& status) {
  if (status.ok()) return {};
  return Error{Code::Unavailable, "the output could not be written: " + status.message()};
}

Result<void> write_table(std::FILE* out, const std::vector<std::string>& columns,
                         const std::vector<Object>& objects) {
  std::vector<bool> right(columns.size(), false);
  std::vector<std::vector<std::string>> rows;
  for (const Object& object : objects) {
    auto& row = rows.emplace_back();
    for (size_t i = 0; i < object.size(); ++i) {
      const std::string& json = object[i].second;
      right[i] = right[i] || (!json.empty() && (std::isdigit(json[0]) || json[0] == '-'));
      row.push_back(as_cell(plain(json, "NULL")));
    }
  }
  put(out, drawn(columns, right, rows));
  return flushed(out);
}

}  // namespace

size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

Format parse_format(const std::string& text, bool terminal) {
  if (text.empty()) return terminal ? Format::Table : Format::JsonLines;
  auto found = std::find_if(kFormats.begin(), kFormats.end(),
                            [&](Format format) { return text == name_of(format); });
  CHECK(found != kFormats.end(), "the command line takes no other format");
  return *found;
}

const char* name_of(Format format) {
  switch (format) {
    case Format::JsonLines: return "jsonl";
    case Format::Json: return "json";
    case Format::Csv: return "csv";
    case Format::Table: return "table";
    case Format::Arrow: return "arrow";
  }
  return "";
}

RowWriter::RowWriter(std::FILE* out, Format format, Schema schema)
    : out_(out), format_(format), schema_(std::move(schema)) {}

RowWriter::~RowWriter() = default;

Result<void> RowWriter::begin_stream() {
  if (stream_) return {};
  auto stream = arrow::ipc::MakeStreamWriter(std::make_shared<Sink>(out_), to_arrow(schema_));
  TRY(written(stream.status()));
  stream_ = *std::move(stream);
  return {};
}

Result<void> RowWriter::write(const arrow::RecordBatch& batch) {
  if (batch.num_rows() == 0) return {};
  if (format_ == Format::Arrow) {
    TRY(begin_stream());
    return written(stream_->WriteRecordBatch(batch));
  }
  if (format_ == Format::Table) return keep_cells(batch);
  if (format_ == Format::JsonLines) {
    put(out_, TRY(formats::to_json_lines(batch, schema_)));
  } else if (format_ == Format::Csv) {
    put(out_, TRY(formats::to_csv(batch, schema_, rows_ == 0)));
  } else {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      put(out_, rows_ + row == 0 ? "[\n" : ",\n");
      put(out_, TRY(formats::to_json(batch, schema_, row)));
    }
  }
  rows_ += batch.num_rows();
  return {};
}

Result<void> RowWriter::keep_cells(const arrow::RecordBatch& batch) {
  std::string text = TRY(formats::to_csv(batch, schema_, false));
  formats::CsvSplitter splitter(text);
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    // A record of one empty value is an empty line, which the splitter may skip: it is that row all
    // the same.
    auto record = splitter.next();
    auto& cells = cells_.emplace_back();
    for (int column = 0; column < batch.num_columns(); ++column) {
      auto at = static_cast<size_t>(column);
      bool there = record && at < record->fields.size();
      bool null = batch.column(column)->IsNull(row);
      cells.push_back(null ? "NULL" : as_cell(there ? record->fields[at] : ""));
    }
  }
  return {};
}

Result<void> RowWriter::finish() {
  if (format_ == Format::Arrow) {
    TRY(begin_stream());
    TRY(written(stream_->Close()));
    return flushed(out_);
  }
  std::vector<std::string> header;
  std::vector<bool> right;
  for (const Field& field : schema_.fields) {
    header.push_back(field.name);
    right.push_back(stands_right(field.type));
  }
  if (format_ == Format::Json) put(out_, rows_ == 0 ? "[]\n" : "\n]\n");
  if (format_ == Format::Csv && rows_ == 0) {
    put(out_, TRY(formats::to_csv(*empty_batch(schema_), schema_, true)));
  }
  if (format_ == Format::Table) {
    put(out_, drawn(header, right, cells_));
    put(out_, counted(cells_.size(), "row") + "\n");
  }
  return flushed(out_);
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_text_or_null(const std::optional<std::string>& text) {
  return text ? json_text(*text) : "null";
}

std::string json_texts(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const auto& text : texts) items.push_back(json_text(text));
  return "[" + joined(items, ",") + "]";
}

std::string json_map(const std::map<std::string, std::string>& map) {
  Object object;
  for (const auto& [key, value] : map) object.emplace_back(key, json_text(value));
  return to_json(object);
}

std::string to_json(const Object& object) {
  std::vector<std::string> items;
  for (const auto& [name, value] : object) items.push_back(json_text(name) + ":" + value);
  return "{" + joined(items, ",") + "}";
}

ObjectWriter::ObjectWriter(std::FILE* out, Format format, std::vector<std::string> columns)
    : out_(out), format_(format), columns_(std::move(columns)) {}

Result<void> ObjectWriter::write(const std::vector<Object>& objects) {
  if (objects.empty()) return {};
  if (format_ == Format::Csv && written_ == 0) put(out_, joined(columns_, ",") + "\n");
  for (const auto& object : objects) {
    if (format_ == Format::Csv) {
      std::vector<std::string> cells;
      for (const auto& value : object) cells.push_back(csv_cell(plain(value.second, "")));
      put(out_, joined(cells, ",") + "\n");
    } else if (format_ == Format::Json) {
      put(out_, (written_ == 0 ? "[\n" : ",\n") + to_json(object));
    } else if (format_ == Format::JsonLines) {
      put(out_, to_json(object) + "\n");
    }
    ++written_;
  }
  if (format_ != Format::Table) return flushed(out_);
  rows_.insert(rows_.end(), objects.begin(), objects.end());
  return {};
}

Result<void> ObjectWriter::finish() {
  if (written_ == 0 && format_ == Format::Csv) put(out_, joined(columns_, ",") + "\n");
  if (format_ == Format::Table) return write_table(out_, columns_, rows_);
  if (format_ == Format::Json) put(out_, written_ == 0 ? "[]\n" : "\n]\n");
  return flushed(out_);
}

Result<void> write_objects(std::FILE* out, Format format, const std::vector<Object>& objects,
                           const std::vector<std::string>& columns) {
  ObjectWriter writer(out, format, columns);
  TRY(writer.write(objects));
  return writer.finish();
}

Result<void> write_object(std::FILE* out, Format format, const Object& object) {
  if (format == Format::Json || format == Format::JsonLines) {
    put(out, to_json(object) + "\n");
    return flushed(out);
  }
  if (format == Format::Csv) {
    std::vector<std::string> columns;
    for (const auto& value : object) columns.push_back(value.first);
    return write_objects(out, format, {object}, columns);
  }
  std::vector<Object> lines;
  for (const auto& [name, value] : object) {
    lines.push_back({{"name", json_text(name)}, {"value", json_text(plain(value, "NULL"))}});
  }
  return write_table(out, {"name", "value"}, lines);
}

std::string drawn(const std::vector<std::string>& header, const std::vector<bool>& right,
                  const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& name : header) widths.push_back(characters(name));
  for (const auto& row : rows) {
    for (size_t i = 0; i < widths.size() && i < row.size(); ++i) {
      widths[i] = std::max(widths[i], characters(row[i]));
    }
  }
  std::string text = rule(widths, "┌", "┬", "┐") + row_line(header, widths, right);
  text += rule(widths, "├", "┼", "┤");
  for (const auto& row : rows) text += row_line(row, widths, right);
  return text + rule(widths, "└", "┴", "┘");
}

std::string counted(size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Result<void> flushed(std::FILE* out) {
  if (std::fflush(out) == 0 && std::ferror(out) == 0) return {};
  return Error{Code::Unavailable,
               fmt::format("the output could not be written: {}", std::strerror(errno))};
}

}  // namespace ticklake::app
