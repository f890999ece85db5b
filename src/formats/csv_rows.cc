#include <fmt/format.h>

#include "base/text.h"
#include "formats/csv_names.h"
#include "formats/csv_value.h"
#include "formats/row_sink.h"
#include "formats/text_rows.h"

namespace ticklake::formats {
namespace {

constexpr int kNoColumn = -1;

struct Columns {
  std::vector<std::string> names;  // of the cells, as the header says
  std::vector<int> targets;        // of the cells: which data column
};

class CsvRows final : public RecordRows {
 public:
  CsvRows(RecordSplitter records, RowSink rows, const FileFormat& format, TimePatterns patterns)
      : RecordRows(std::move(records), std::move(rows)),
        format_(format),
        patterns_(std::move(patterns)),
        cells_(format) {}

  // The cells' columns. `first`: the header where there is one.
  void set_columns(std::vector<std::string> names);

 private:
  Result<void> add(const Record& record) override;
  void add_cell(size_t index, const CsvCell& cell);
  int column_named(const std::string& name) const;
  void leave(const std::string& name, std::string_view text);

  FileFormat format_;
  TimePatterns patterns_;
  CsvCells cells_;
  Columns columns_;
  std::vector<Leftover> leftovers_;
  std::string reason_;
};

int CsvRows::column_named(const std::string& name) const {
  const auto& fields = sink().fields();
  int near = kNoColumn;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) return static_cast<int>(i);
    if (!format_.case_sensitive && equal_ignoring_case(fields[i].name, name)) {
      near = static_cast<int>(i);
    }
  }
  return near;
}

void CsvRows::set_columns(std::vector<std::string> names) {
  columns_.names = std::move(names);
  columns_.targets.clear();
  auto count = static_cast<int>(sink().fields().size());
  for (size_t i = 0; i < columns_.names.size(); ++i) {
    int at = static_cast<int>(i);
    if (format_.by_name) at = column_named(columns_.names[i]);
    if (at >= count) at = kNoColumn;
    columns_.targets.push_back(at);
    if (at == kNoColumn) unknown_.insert(columns_.names[i]);
  }
}

void CsvRows::leave(const std::string& name, std::string_view text) {
  std::string json;
  append_json_string(json, text);
  leftovers_.push_back({{name}, std::move(json), false});
}

void CsvRows::add_cell(size_t index, const CsvCell& cell) {
  std::string_view text = cell.text;
  if (text.empty()) text = cell.quoted ? std::string_view(format_.empty_value) : format_.null_value;
  bool null = text == format_.null_value;
  bool beyond = index >= columns_.targets.size();
  int target = beyond ? kNoColumn : columns_.targets[index];
  if (target == kNoColumn) {
    std::string name = beyond ? fmt::format("_c{}", index) : columns_.names[index];
    if (beyond && !format_.header) unknown_.insert(name);
    if (sink().rescues() && !null) leave(name, text);
    return;
  }
  Column& column = sink().data().children()[static_cast<size_t>(target)];
  if (null) {
    column.append_null();
    return;
  }
  if (append_csv_value(column, text, patterns_)) return;
  if (sink().rescues()) {
    leave(columns_.names[index], text);
  } else if (reason_.empty()) {
    reason_ = fmt::format("{}: \"{}\" is not of type {}", columns_.names[index],
                          printable(text, 60), to_sql(column.type()));
  }
  column.append_null();
}

Result<void> CsvRows::add(const Record& record) {
  if (cells_.is_nothing(record.text)) return {};
  if (!is_utf8(record.text)) {
    return sink().add_malformed(record.text, record.place, "invalid UTF-8");
  }
  const auto& cells = cells_.cut(record.text);
  leftovers_.clear();
  reason_.clear();
  for (size_t i = 0; i < cells.size(); ++i) add_cell(i, cells[i]);
  Column& data = sink().data();
  for (Column& column : data.children()) {
    if (column.size() == data.size()) column.append_null();
  }
  data.append_parent();
  bool rescued = sink().rescues() && cells.size() > columns_.names.size();
  if (reason_.empty() && cells.size() != columns_.names.size() && !rescued) {
    reason_ = fmt::format("the record has {} fields, not {}", cells.size(), columns_.names.size());
  }
  return sink().add(record.text, record.place, reason_, leftovers_);
}

std::vector<std::string> declared_names(const std::vector<Field>& fields) {
  std::vector<std::string> out;
  for (const Field& field : fields) out.push_back(field.name);
  return out;
}

}  // namespace

std::vector<std::string> csv_names(const std::vector<CsvCell>& first, const FileFormat& format) {
  std::vector<std::string> out;
  for (size_t i = 0; i < first.size(); ++i) {
    std::string name(first[i].text);
    bool empty = name.empty() || name == format.null_value || !format.header;
    auto same = [&](const CsvCell& other) { return equal_ignoring_case(other.text, name); };
    bool twice = std::count_if(first.begin(), first.end(), same) > 1;
    if (empty) name = fmt::format("_c{}", i);
    else if (twice) name += std::to_string(i);
    out.push_back(std::move(name));
  }
  return out;
}

Result<bool> next_csv_line(RecordSplitter& records, const CsvCells& cells, Record& record) {
  while (true) {
    bool more = TRY(records.next(record));
    if (!more || !cells.is_nothing(record.text)) return more;
  }
}

Result<std::unique_ptr<FileReader>> open_csv(SourceFile file, FileFormat format, Schema schema,
                                             FilePlace from) {
  TimePatterns patterns = TRY(TimePatterns::make(format));
  CsvCells cells(format);
  RowSink rows(file, format, std::move(schema));
  std::vector<std::string> names = declared_names(rows.fields());
  auto records = TRY(RecordSplitter::open(file, format, from));
  if (format.header) {
    auto first = TRY(RecordSplitter::open(file, format, {}));
    Record record;
    bool any = TRY(next_csv_line(first, cells, record));
    if (any && !is_utf8(record.text)) {
      return Error{Code::Invalid, fmt::format("{}, line {}: the header is invalid UTF-8; convert "
                                              "the file to UTF-8",
                                              file.name, record.place.line)};
    }
    if (any && format.by_name) names = csv_names(cells.cut(record.text), format);
    if (from.position <= first.place().position) records = std::move(first);
  }
  auto out = std::make_unique<CsvRows>(std::move(records), std::move(rows), format,
                                       std::move(patterns));
  out->set_columns(std::move(names));
  return std::unique_ptr<FileReader>(std::move(out));
}

}  // namespace ticklake::formats
