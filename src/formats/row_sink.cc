#include "formats/row_sink.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include "base/text.h"

namespace ticklake::formats {
namespace {

constexpr size_t kRawBytesMax = 1 << 20;

// {"a":1,"b":{"c":2}} of sorted-by-place leftovers: those with one beginning stand together.
void append_object(std::string& out, const std::vector<Leftover>& all, size_t begin, size_t end,
                   size_t depth) {
  for (size_t i = begin; i < end;) {
    const std::string& name = all[i].path[depth];
    size_t next = i + 1;
    while (next < end && all[next].path.size() > depth && all[next].path[depth] == name) ++next;
    if (i > begin) out += ',';
    append_json_string(out, name);
    out += ':';
    if (all[i].path.size() == depth + 1) {
      out += all[i].json;
      next = i + 1;
    } else {
      out += '{';
      append_object(out, all, i, next, depth + 1);
      out += '}';
    }
    i = next;
  }
}

std::string rescued_text(const std::vector<Leftover>& leftovers, const std::string& uri) {
  std::string out = "{";
  append_object(out, leftovers, 0, leftovers.size(), 0);
  out += ",\"_file_path\":";
  append_json_string(out, uri);
  return out + "}";
}

Type data_type(const Schema& schema, int rescued, int corrupt) {
  std::vector<Field> fields;
  for (size_t i = 0; i < schema.fields.size(); ++i) {
    int at = static_cast<int>(i);
    if (at != rescued && at != corrupt) fields.push_back(schema.fields[i]);
  }
  return Type::structure(std::move(fields));
}

int place_of(const Schema& schema, const std::string& name) {
  int at = name.empty() ? -1 : schema.find(name);
  bool text = at >= 0 && schema.fields[static_cast<size_t>(at)].type.kind == Kind::String;
  return text ? at : -1;
}

}  // namespace

RowSink::RowSink(const SourceFile& file, const FileFormat& format, Schema schema)
    : name_(file.name),
      uri_(file.uri),
      mode_(format.mode),
      keeps_bad_(format.keeps_bad),
      schema_(std::move(schema)),
      rescued_(place_of(schema_, format.rescued)),
      corrupt_(place_of(schema_, format.corrupt)),
      data_(data_type(schema_, rescued_, corrupt_)) {}

Error RowSink::at(FilePlace place, std::string_view what) const {
  return {Code::Invalid, fmt::format("{}, line {}: {}", name_, place.line, what)};
}

Result<void> RowSink::add(std::string_view raw, FilePlace place, const std::string& reason,
                          const std::vector<Leftover>& leftovers) {
  bool bad = !reason.empty();
  if (bad && mode_ == FileFormat::Mode::FailFast) {
    return at(place, reason + "; mend the file, or read it with mode => 'PERMISSIVE'");
  }
  if (bad && mode_ == FileFormat::Mode::DropMalformed) {
    data_.truncate(data_.size() - 1);
    ++out_.dropped;
    return {};
  }
  if (bad) out_.bad.push_back({data_.size() - 1, std::string(raw.substr(0, kRawBytesMax)), reason});
  if (rescued_ >= 0) {
    if (leftovers.empty()) rescued_texts_.append_null();
    else rescued_texts_.append_bytes(rescued_text(leftovers, uri_));
  }
  if (corrupt_ >= 0) {
    if (bad) corrupt_texts_.append_bytes(is_utf8(raw) ? raw : printable(raw, kRawBytesMax));
    else corrupt_texts_.append_null();
  }
  out_.places.push_back(place);
  return {};
}

Result<void> RowSink::add_malformed(std::string_view raw, FilePlace place,
                                    const std::string& reason) {
  bool text = is_utf8(raw);
  bool kept = keeps_bad_ || rescued_ >= 0 || corrupt_ >= 0;
  if (!text && !kept && mode_ == FileFormat::Mode::Permissive) {
    return at(place,
              "invalid UTF-8; convert the file to UTF-8, or keep such records: add "
              "rescuedDataColumn => '_rescued_data', or to the table "
              "TBLPROPERTIES('ticklake.quarantine' = 'undecodable')");
  }
  data_.append_null();
  std::vector<Leftover> leftovers;
  if (rescued_ >= 0) {
    std::string json;
    append_json_string(json, text ? std::string(raw) : printable(raw, kRawBytesMax));
    leftovers.push_back({{"_corrupt_record"}, std::move(json)});
  }
  return add(raw, place, reason, leftovers);
}

FileReader::Rows RowSink::finish() {
  FileReader::Rows out = std::exchange(out_, {});
  int64_t rows = data_.size();
  arrow::ArrayVector columns;
  size_t next = 0;
  for (size_t i = 0; i < schema_.fields.size(); ++i) {
    int place = static_cast<int>(i);
    if (place == rescued_) columns.push_back(rescued_texts_.finish());
    else if (place == corrupt_) columns.push_back(corrupt_texts_.finish());
    else columns.push_back(data_.children()[next++].finish());
  }
  data_.truncate(0);
  out.batch = arrow::RecordBatch::Make(to_arrow(schema_), rows, std::move(columns));
  return out;
}

}  // namespace ticklake::formats
