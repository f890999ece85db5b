// Invariant: what is cut depends on the bytes from the record's place on alone, so a file can be
// taken up again at any place that was given.
#include "formats/record_splitter.h"

#include <arrow/buffer.h>
#include <arrow/io/compressed.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/compression.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "model/arrow.h"

namespace ticklake::formats {
namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kRecordBytesMax = 64 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

Error damaged(const std::string& name, const arrow::Status& status) {
  return {Code::Corrupt,
          fmt::format("{}: the file cannot be read: {}; put a whole one in its place, or read past "
                      "such files with ignoreCorruptFiles => true",
                      name, status.message())};
}

int64_t lines_in(std::string_view text) {
  int64_t lines = std::count(text.begin(), text.end(), '\n');
  for (size_t at = text.find('\r'); at != std::string_view::npos; at = text.find('\r', at + 1)) {
    if (at + 1 == text.size() || text[at + 1] != '\n') ++lines;
  }
  return lines;
}

Result<std::shared_ptr<arrow::io::InputStream>> stream_of(const SourceFile& file, int64_t from) {
  if (!file.name.ends_with(".gz")) {
    int64_t left = std::max<int64_t>(0, file.size - from);
    return from_arrow(arrow::io::RandomAccessFile::GetStream(file.bytes, from, left));
  }
  auto whole = TRY_ARROW(arrow::io::RandomAccessFile::GetStream(file.bytes, 0, file.size));
  auto codec = TRY_ARROW(arrow::util::Codec::Create(arrow::Compression::GZIP));
  std::shared_ptr<arrow::io::InputStream> out =
      TRY_ARROW(arrow::io::CompressedInputStream::Make(codec.release(), whole));
  for (int64_t passed = 0; passed < from;) {
    auto bytes = out->Read(std::min<int64_t>(kReadBytes, from - passed));
    if (!bytes.ok()) return damaged(file.name, bytes.status());
    if ((*bytes)->size() == 0) break;
    passed += (*bytes)->size();
  }
  return out;
}

// Where the JSON value that begins at `at` ends, or npos.
size_t json_end(std::string_view text, size_t at) {
  int depth = 0;
  for (bool quoted = false; at < text.size(); ++at) {
    char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

Result<RecordSplitter> RecordSplitter::open(const SourceFile& file, const FileFormat& format,
                                            FilePlace from) {
  RecordSplitter out(file.name, format, from);
  using Form = FileFormat::Form;
  bool whole = format.form == Form::BinaryFile || (format.form == Form::Text && format.whole_text);
  if (whole) {
    out.cut_ = Cut::Whole;
  } else if (format.multi_line && format.form != Form::Text) {
    out.cut_ = format.form == Form::Csv ? Cut::Csv : Cut::Json;
  } else if (!format.line_separator.empty()) {
    out.cut_ = Cut::Separator;
  }
  out.stream_ = TRY(stream_of(file, from.position));
  if (from.position > 0 || format.form == Form::BinaryFile) return out;
  TRY(out.fill());
  if (out.buffer_.starts_with(kByteOrderMark)) {
    out.at_ = kByteOrderMark.size();
    out.place_.position += static_cast<int64_t>(out.at_);
  }
  return out;
}

Result<void> RecordSplitter::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  size_t have = buffer_.size();
  // Twice as much each time: a long record is looked through a few times only.
  size_t more = std::max(kReadBytes, have);
  buffer_.resize(have + more);
  auto got = stream_->Read(static_cast<int64_t>(more), buffer_.data() + have);
  if (!got.ok()) return damaged(name_, got.status());
  buffer_.resize(have + static_cast<size_t>(*got));
  ended_ = *got == 0;
  return {};
}

bool RecordSplitter::find_line(Found& found) const {
  std::string_view rest = std::string_view(buffer_).substr(at_);
  if (cut_ == Cut::Separator) {
    size_t end = rest.find(separator_);
    if (end == std::string_view::npos) return false;
    found = {0, end, end + separator_.size()};
    return true;
  }
  size_t end = rest.find('\n');
  size_t size = std::min(end, rest.size());
  const void* lone = std::memchr(rest.data(), '\r', size);
  if (lone != nullptr) {
    auto at = static_cast<size_t>(static_cast<const char*>(lone) - rest.data());
    if (at + 1 == rest.size() && !ended_) return false;
    bool pair = at + 1 < rest.size() && rest[at + 1] == '\n';
    found = {0, at, at + (pair ? 2 : 1)};
    return true;
  }
  if (end == std::string_view::npos) return false;
  found = {0, end, end + 1};
  return true;
}

// The objects of a file, whatever brackets and commas stand between them; of anything else, lines.
bool RecordSplitter::find_json(Found& found) const {
  std::string_view rest = std::string_view(buffer_).substr(at_);
  size_t begin = 0;
  while (begin < rest.size() && (is_blank(rest[begin]) || rest[begin] == '[' ||
                                 rest[begin] == ',' || rest[begin] == ']')) {
    ++begin;
  }
  if (begin == rest.size()) return false;
  size_t end = rest[begin] == '{' ? json_end(rest, begin) : rest.find('\n', begin);
  if (end == std::string_view::npos) return false;
  found = {begin, end, end};
  return true;
}

bool RecordSplitter::find(Found& found) {
  std::string_view rest = std::string_view(buffer_).substr(at_);
  bool whole = false;
  if (cut_ == Cut::Lines || cut_ == Cut::Separator) {
    whole = find_line(found);
  } else if (cut_ == Cut::Json) {
    whole = find_json(found);
  } else if (cut_ == Cut::Csv) {
    auto end = csv_.record_end(rest, ended_);
    whole = end.has_value();
    if (whole) found = {0, end->text, end->next};
  }
  if (whole) return true;
  if (!ended_) return false;
  found = {0, rest.size(), rest.size()};
  if (cut_ != Cut::Json) return !rest.empty() || (cut_ == Cut::Whole && place_.position == 0);
  auto filler = [](char c) { return is_blank(c) || c == '[' || c == ',' || c == ']'; };
  return !std::all_of(rest.begin(), rest.end(), filler);
}

Result<bool> RecordSplitter::next(Record& record) {
  Found found;
  while (!find(found)) {
    if (ended_) return false;
    if (buffer_.size() - at_ > kRecordBytesMax) {
      return Error{Code::Invalid,
                   fmt::format("{}, line {}: the record is longer than {} MiB, which is the limit; "
                               "split it (is multiLine or lineSep wrong for this file?)",
                               name_, place_.line, kRecordBytesMax >> 20)};
    }
    TRY(fill());
  }
  std::string_view rest = std::string_view(buffer_).substr(at_);
  record.text = rest.substr(found.begin, found.end - found.begin);
  record.place = place_;
  record.place.line += lines_in(rest.substr(0, found.begin));
  place_.line += cut_ == Cut::Lines ? 1 : lines_in(rest.substr(0, found.next));
  place_.position += static_cast<int64_t>(found.next);
  // An empty file read whole is one record.
  if (cut_ == Cut::Whole && found.next == 0) ++place_.position;
  at_ += found.next;
  return true;
}

}  // namespace ticklake::formats
