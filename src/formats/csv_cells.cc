// A cell that begins with a quote ends at the quote before a delimiter. Where a quote is followed
// by something else, the quotes were no quotes: the cell is its text up to the delimiter.
#include "formats/csv_cells.h"

#include <algorithm>

#include "base/text.h"

namespace ticklake::formats {
namespace {

bool is_space(char c) { return static_cast<unsigned char>(c) <= ' '; }

}  // namespace

CsvCells::CsvCells(const FileFormat& format)
    : delimiter_(format.delimiter.empty() ? "," : format.delimiter),
      quote_(format.quote),
      escape_(format.escape),
      comment_(format.comment),
      trim_leading_(format.trim_leading),
      trim_trailing_(format.trim_trailing) {}

bool CsvCells::is_nothing(std::string_view record) const {
  if (comment_ != '\0' && !record.empty() && record[0] == comment_) return true;
  return std::all_of(record.begin(), record.end(), is_space);
}

size_t CsvCells::plain(std::string_view record, size_t at, CsvCell& cell) const {
  size_t end = record.find(delimiter_, at);
  end = std::min(end, record.size());
  std::string_view text = record.substr(at, end - at);
  if (trim_trailing_) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  }
  cell = {text, false};
  return end;
}

size_t CsvCells::quoted(std::string_view record, size_t at, CsvCell& cell) {
  size_t begin = scratch_.size();
  size_t opening = at++;
  auto text = [&] { return std::string_view(scratch_).substr(begin); };
  while (at < record.size()) {
    char c = record[at];
    bool more = at + 1 < record.size();
    if (escape_ != '\0' && c == escape_ && more &&
        (record[at + 1] == quote_ || (record[at + 1] == escape_ && escape_ != quote_))) {
      scratch_ += record[at + 1];
      at += 2;
      continue;
    }
    if (c != quote_) {
      scratch_ += c;
      ++at;
      continue;
    }
    size_t after = at + 1;
    while (after < record.size() && is_space(record[after]) && !delimiter_at(record, after)) {
      ++after;
    }
    if (after == record.size() || delimiter_at(record, after)) {
      cell = {text(), true};
      return after;
    }
    // No closing quote: the rest is taken as it is.
    size_t end = std::min(record.find(delimiter_, at), record.size());
    scratch_.insert(begin, 1, record[opening]);
    scratch_ += record.substr(at, end - at);
    cell = {text(), false};
    return end;
  }
  cell = {text(), true};
  return record.size();
}

const std::vector<CsvCell>& CsvCells::cut(std::string_view record) {
  cells_.clear();
  scratch_.clear();
  scratch_.reserve(record.size() + 1);  // never outgrown: the cells point into it
  for (size_t at = 0;;) {
    CsvCell cell;
    if (trim_leading_) {
      while (at < record.size() && is_space(record[at]) && !delimiter_at(record, at)) ++at;
    }
    bool opens = quote_ != '\0' && at < record.size() && record[at] == quote_;
    at = opens ? quoted(record, at, cell) : plain(record, at, cell);
    cells_.push_back(cell);
    if (at >= record.size()) return cells_;
    at += delimiter_.size();
  }
}

std::optional<CsvCells::End> CsvCells::record_end(std::string_view text, bool whole) const {
  enum class In : uint8_t { Start, Plain, Quoted } in = In::Start;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (in == In::Quoted) {
      bool more = at + 1 < text.size();
      if (!more && !whole) return {};
      if (escape_ != '\0' && c == escape_ && more &&
          (text[at + 1] == quote_ || (text[at + 1] == escape_ && escape_ != quote_))) {
        ++at;
      } else if (c == quote_) {
        in = In::Plain;
      }
      continue;
    }
    if (c == '\n') return End{at, at + 1};
    if (c == '\r') {
      if (at + 1 == text.size() && !whole) return {};
      bool pair = at + 1 < text.size() && text[at + 1] == '\n';
      return End{at, at + (pair ? 2 : 1)};
    }
    if (delimiter_at(text, at)) {
      at += delimiter_.size() - 1;
      in = In::Start;
    } else if (in == In::Start && quote_ != '\0' && c == quote_) {
      in = In::Quoted;
    } else if (!(trim_leading_ && in == In::Start && is_space(c))) {
      in = In::Plain;
    }
  }
  return {};
}

}  // namespace ticklake::formats
