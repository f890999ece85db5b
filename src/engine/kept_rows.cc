#include "kept_rows.h"

#include <arrow/array.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>

#include <cctype>

#include "file_shape.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

// "line 7: " of a reason that file_feed.cc gives; "" where it gives none of that kind.
std::string line_of(std::string_view reason) {
  constexpr std::string_view kStart = "line ";
  if (!reason.starts_with(kStart)) return "";
  size_t end = kStart.size();
  while (end < reason.size() && std::isdigit(static_cast<unsigned char>(reason[end])) != 0) ++end;
  bool is_line = end > kStart.size() && reason.substr(end).starts_with(": ");
  return is_line ? std::string(reason.substr(0, end + 2)) : "";
}

Partition partition_of(const arrow::RecordBatch& rows, int64_t row) {
  auto number = number_at(*rows.GetColumnByName("partition"), row);
  return Partition(static_cast<int32_t>(number.value_or(0)));
}

std::string text_of(const arrow::RecordBatch& rows, const char* name, int64_t row) {
  return std::string(text_at(*rows.GetColumnByName(name), row).value_or(""));
}

constexpr std::string_view kNotAlone =
    "; it cannot be read from its line alone: put it, mended, into a new file";

// Whether a line says what it is without its file: other bytes than UTF-8 are not kept as they
// were, and a file's first line may name its columns.
bool stands_alone(const formats::FileFormat& format, std::string_view reason) {
  using Form = formats::FileFormat::Form;
  bool lines = format.form == Form::Csv || format.form == Form::Json || format.form == Form::Text;
  bool named_above = format.form == Form::Csv && format.header && format.by_name;
  return lines && !named_above && reason.find("invalid UTF-8") == std::string_view::npos;
}

}  // namespace

Result<KeptRowsReader> KeptRowsReader::open(Context& context, const Dataset& dataset) {
  auto decoder = TRY(formats::JsonDecoder::make(dataset.plan.inputs[0].schema));
  return KeptRowsReader(context, dataset, std::move(decoder));
}

// The row as its line gives it, but for what its file's path said.
Result<KeptRowsReader::Line> KeptRowsReader::from_line(const BatchPtr& row,
                                                       const std::string& line,
                                                       const std::string& reason) const {
  const auto& input = dataset_->plan.inputs[0];
  auto arguments = TRY(file_arguments(input.files, context_->project.directory));
  if (!stands_alone(arguments.format, reason)) {
    bool is_told = reason.ends_with(kNotAlone);
    return Line{nullptr, is_told ? reason : reason + std::string(kNotAlone)};
  }
  Schema schema = shape_of(input.schema, arguments).read(arguments);
  arguments.format.header = false;
  arguments.format.keeps_bad = true;
  arguments.format.mode = formats::FileFormat::Mode::Permissive;
  auto bytes = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(line));
  formats::SourceFile source{
      .bytes = bytes, .size = std::ssize(line), .name = "line", .uri = "line"};
  auto reader = TRY(formats::FileReader::open(std::move(source), arguments.format, schema));
  auto rows = TRY(reader->next(2, INT64_MAX));
  if (!rows.bad.empty()) return Line{nullptr, line_of(reason) + rows.bad.front().reason};
  if (!rows.batch || rows.batch->num_rows() != 1) {
    return Line{nullptr, line_of(reason) + "it is no row"};
  }
  arrow::ArrayVector columns = row->columns();
  for (size_t i = 0; i < input.schema.fields.size(); ++i) {
    auto read = rows.batch->GetColumnByName(input.schema.fields[i].name);
    if (read) columns[i] = read;
  }
  return Line{arrow::RecordBatch::Make(row->schema(), 1, std::move(columns)), ""};
}

Result<KeptRows> KeptRowsReader::read(const arrow::RecordBatch& rows) {
  KeptRows out;
  std::vector<std::string_view> texts;
  auto row_column = rows.GetColumnByName("row");
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    texts.push_back(text_at(*row_column, i).value_or(""));
  }
  auto decoded = TRY(decoder_->decode(texts, {}));
  for (auto& failure : decoded.failures) {
    out.unreadable.emplace(failure.row, "the kept row does not fit what the query reads now: " +
                                            failure.reason);
  }
  bool of_files = !dataset_->plan.inputs[0].files.empty();
  int64_t first = -1;  // of the last piece, where it is cut from what was decoded
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    std::string reason = of_files ? text_of(rows, "reason", i) : "";
    std::string start = line_of(reason);
    bool of_line = !start.empty();
    Partition partition = partition_of(rows, i);
    if (!of_line && out.unreadable.contains(i)) continue;
    bool goes_on = !of_line && first >= 0 && out.numbers.back() == i - 1 &&
                   out.pieces.back().partition == partition;
    if (goes_on) {
      out.pieces.back().rows = decoded.batch->Slice(first, i + 1 - first);
    } else if (!of_line) {
      first = i;
      out.pieces.push_back({.partition = partition, .rows = decoded.batch->Slice(i, 1)});
    } else {
      first = -1;
      auto line = TRY(from_line(decoded.batch->Slice(i, 1), text_of(rows, "raw", i), reason));
      out.unreadable.erase(i);
      if (!line.row) out.unreadable.emplace(i, std::move(line.problem));
      if (!line.row) continue;
      out.pieces.push_back({.partition = partition, .rows = std::move(line.row)});
    }
    out.numbers.push_back(i);
    out.lines.push_back(std::move(start));
  }
  return out;
}

}  // namespace ticklake::engine
