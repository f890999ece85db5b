#include "base/text.h"
#include "formats/csv_value.h"
#include "formats/json_flat.h"
#include "formats/json_tree.h"
#include "formats/record_splitter.h"
#include "formats/row_sink.h"
#include "formats/text_rows.h"

namespace ticklake::formats {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

// The objects of "[{..},{..}]", or nothing where it is no list of objects.
std::optional<std::vector<std::string_view>> objects_of(std::string_view list) {
  std::vector<std::string_view> out;
  if (!list.starts_with('[') || !list.ends_with(']')) return {};
  int depth = 0;
  bool quoted = false;
  size_t begin = 0;
  for (size_t at = 1; at + 1 < list.size(); ++at) {
    char c = list[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
    } else if (c == '"' && depth > 0) {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (depth++ == 0) begin = at;
    } else if (c == '}' || c == ']') {
      if (--depth < 0) return {};
      if (depth == 0) out.push_back(list.substr(begin, at - begin + 1));
    } else if (depth == 0 && c != ',' && !is_blank(c)) {
      return {};
    }
  }
  if (depth != 0) return {};
  return out;
}

class JsonRows final : public RecordRows {
 public:
  JsonRows(RecordSplitter records, RowSink rows, const FileFormat& format, TimePatterns patterns)
      : RecordRows(std::move(records), std::move(rows)),
        patterns_(std::move(patterns)),
        plain_times_(!patterns_.date_pattern && !patterns_.timestamp_pattern &&
                     format.case_sensitive),
        flat_(sink().fields()),
        tree_(make_tree_reader(Strictness::Spark,
                               {.keep_leftovers = true,
                                .case_sensitive = format.case_sensitive,
                                .exact_text = true,
                                .patterns = &patterns_})) {}

 private:
  Result<void> add(const Record& record) override;
  Result<void> add_object(std::string_view text, const Record& record);
  bool add_flat(std::string_view text);

  TimePatterns patterns_;
  bool plain_times_;
  FlatReader flat_;
  std::unique_ptr<TreeReader> tree_;
};

// The quick way for what nearly all records are; false: nothing was added.
bool JsonRows::add_flat(std::string_view text) {
  if (!plain_times_ || !flat_.read(text) || flat_.met_unknown()) return false;
  Column& data = sink().data();
  const auto& scalars = flat_.scalars();
  for (size_t i = 0; i < scalars.size(); ++i) {
    Column& column = data.children()[i];
    bool number = scalars[i].kind == Scalar::Kind::Integer || scalars[i].kind == Scalar::Kind::Real;
    if (number && column.type().kind == Kind::String) {
      column.append_bytes(scalars[i].text);
      continue;
    }
    if (append_scalar(column, scalars[i])) continue;
    for (size_t k = 0; k < i; ++k) data.children()[k].truncate(data.size());
    return false;
  }
  data.append_parent();
  return true;
}

Result<void> JsonRows::add_object(std::string_view text, const Record& record) {
  if (add_flat(text)) return sink().add(text, record.place, "", {});
  Column& data = sink().data();
  int64_t row = data.size();
  std::string reason = tree_->read(text, data);
  bool malformed = reason.starts_with("malformed") || reason.starts_with("the text is");
  if (malformed) {
    data.truncate(row);
    return sink().add_malformed(text, record.place, reason);
  }
  std::vector<Leftover> leftovers = tree_->leftovers();
  for (const Leftover& one : leftovers) {
    if (one.unknown) unknown_.insert(joined(one.path, "."));
  }
  if (sink().rescues()) reason.clear();
  return sink().add(text, record.place, reason, leftovers);
}

Result<void> JsonRows::add(const Record& record) {
  std::string_view text = without_blanks(record.text);
  if (text.empty()) return {};
  if (text[0] == '[') {
    auto objects = objects_of(text);
    if (objects) {
      for (std::string_view object : *objects) TRY(add_object(object, record));
      return {};
    }
  }
  return add_object(text, record);
}

}  // namespace

Result<std::unique_ptr<FileReader>> open_json(SourceFile file, FileFormat format, Schema schema,
                                              FilePlace from) {
  TRY(JsonDecoder::make(schema));  // refuses types that JSON cannot give
  TimePatterns patterns = TRY(TimePatterns::make(format));
  auto records = TRY(RecordSplitter::open(file, format, from));
  RowSink rows(file, format, std::move(schema));
  return std::unique_ptr<FileReader>(std::make_unique<JsonRows>(std::move(records), std::move(rows),
                                                                format, std::move(patterns)));
}

}  // namespace ticklake::formats
