#include <algorithm>

#include "base/text.h"
#include "formats/formats.h"

namespace ticklake::formats {
namespace {

// A quote that has not closed after so many bytes was not meant to span lines.
constexpr size_t kQuotedRecordBytesMax = 1 << 20;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct Split {
  std::vector<std::string> fields;
  size_t end = 0;  // past the record, before its line end
  std::string problem;
  bool unclosed = false;
};

// Reads a quoted field whose opening quote is at `at`; gives the place after the closing one, or
// npos.
size_t read_quoted(std::string_view text, size_t at, size_t limit, std::string& field) {
  ++at;
  while (true) {
    size_t quote = text.find('"', at);
    if (quote == std::string_view::npos || quote >= limit) return std::string_view::npos;
    field += text.substr(at, quote - at);
    at = quote + 1;
    if (at >= text.size() || text[at] != '"') return at;
    field += '"';
    ++at;
  }
}

Split split_record(std::string_view text, size_t at, char separator) {
  Split out;
  const char stops[] = {separator, '\n', '\0'};
  size_t limit = at + kQuotedRecordBytesMax;
  while (true) {
    std::string& field = out.fields.emplace_back();
    if (at < text.size() && text[at] == '"') {
      at = read_quoted(text, at, limit, field);
      if (at == std::string_view::npos) {
        out.unclosed = true;
        out.problem = "quote not closed";
        return out;
      }
    }
    size_t stop = std::min(text.find_first_of(std::string_view(stops, 2), at), text.size());
    std::string_view rest = text.substr(at, stop - at);
    bool line_end = stop == text.size() || text[stop] == '\n';
    if (line_end && rest.ends_with('\r')) rest.remove_suffix(1);
    if (!rest.empty() && (!field.empty() || (at > 0 && text[at - 1] == '"'))) {
      out.problem = "text after a closing quote";
    }
    field += rest;
    if (line_end) {
      out.end = stop;
      return out;
    }
    at = stop + 1;
  }
}

}  // namespace

CsvSplitter::CsvSplitter(std::string_view text, char separator)
    : text_(text), separator_(separator) {
  if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

std::optional<CsvRecord> CsvSplitter::next() {
  if (at_ >= text_.size()) return {};
  CsvRecord record;
  record.line = line_;
  record.offset = static_cast<int64_t>(at_);
  Split split = split_record(text_, at_, separator_);
  if (split.unclosed) {
    // Only its first line is given up; what follows may be whole again.
    split.end = std::min(text_.find('\n', at_), text_.size());
    truncated_ = text_.size() - at_ <= kQuotedRecordBytesMax;
  } else {
    truncated_ = split.end == text_.size();
  }
  record.raw = text_.substr(at_, split.end - at_);
  record.problem = std::move(split.problem);
  line_ += 1 + std::count(record.raw.begin(), record.raw.end(), '\n');
  at_ = split.end + 1;
  if (record.raw.ends_with('\r')) record.raw.remove_suffix(1);
  if (!is_utf8(record.raw)) record.problem = "invalid UTF-8";
  record.fields = std::move(split.fields);
  return record;
}

}  // namespace ticklake::formats
