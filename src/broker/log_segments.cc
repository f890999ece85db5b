#include "broker/log_segments.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "broker/crc32c.h"

namespace ticklake::broker {
namespace {

constexpr size_t kReadBytes = 256 << 10;
constexpr std::string_view kSegmentSuffix = ".log";

}  // namespace

std::string segment_path(const std::string& directory, Offset base) {
  return fmt::format("{}/{:020}{}", directory, base.value, kSegmentSuffix);
}

std::string index_path(const std::string& directory, Offset base) {
  return fmt::format("{}/{:020}.index", directory, base.value);
}

Result<std::vector<Offset>> list_segments(const std::string& directory) {
  DIR* handle = ::opendir(directory.c_str());
  if (handle == nullptr) return file_error("read", directory, errno);
  std::vector<Offset> bases;
  while (const dirent* entry = ::readdir(handle)) {
    std::string_view name = entry->d_name;
    if (name.size() != 20 + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) continue;
    int64_t base = -1;
    auto parsed = std::from_chars(name.data(), name.data() + 20, base);
    if (parsed.ec == std::errc() && parsed.ptr == name.data() + 20 && base >= 0) {
      bases.emplace_back(base);
    }
  }
  ::closedir(handle);
  std::sort(bases.begin(), bases.end());
  return bases;
}

std::string encode_index_entry(const IndexEntry& entry) {
  std::string out(kIndexEntryBytes, '\0');
  std::memcpy(out.data(), &entry.offset.value, 8);
  std::memcpy(out.data() + 8, &entry.position, 8);
  std::memcpy(out.data() + 16, &entry.timestamp_ms_max, 8);
  uint32_t sum = crc32c(std::string_view(out).substr(0, 24));
  std::memcpy(out.data() + 24, &sum, 4);
  return out;
}

std::vector<IndexEntry> read_index(const std::string& directory, Offset base) {
  std::vector<IndexEntry> entries;
  Result<File> file = File::open_to_read(index_path(directory, base));
  if (!file) return entries;
  std::string bytes;
  Result<int64_t> size = file->size();
  if (!size || !file->read_at(0, static_cast<size_t>(*size), bytes)) return entries;
  IndexEntry before{base, 0, -1};
  for (size_t at = 0; at + kIndexEntryBytes <= bytes.size(); at += kIndexEntryBytes) {
    IndexEntry entry;
    uint32_t sum;
    std::memcpy(&entry.offset.value, bytes.data() + at, 8);
    std::memcpy(&entry.position, bytes.data() + at + 8, 8);
    std::memcpy(&entry.timestamp_ms_max, bytes.data() + at + 16, 8);
    std::memcpy(&sum, bytes.data() + at + 24, 4);
    bool sound = sum == crc32c(std::string_view(bytes).substr(at, 24)) &&
                 entry.offset > before.offset && entry.position > before.position;
    if (!sound) break;
    entries.push_back(entry);
    before = entry;
  }
  return entries;
}

Result<Scanner> Scanner::open(const std::string& directory, Offset base) {
  File file = TRY(File::open_to_read(segment_path(directory, base)));
  return Scanner(std::move(file), base);
}

Result<void> Scanner::jump(const IndexEntry& entry) {
  std::string bytes;
  TRY(file_.read_at(entry.position, kRecordBytesMin, bytes));
  size_t size = claimed_size(bytes);
  if (size > bytes.size()) {
    TRY(file_.read_at(entry.position + static_cast<int64_t>(bytes.size()), size - bytes.size(),
                      bytes));
  }
  Decoded found;
  if (decode(bytes, found) != Decoding::Whole || found.record.offset != entry.offset) return {};
  position_ = entry.position;
  expected_ = entry.offset;
  buffer_.clear();
  return {};
}

std::string_view Scanner::window() const {
  auto skip = static_cast<size_t>(position_ - buffer_start_);
  return buffer_.empty() ? std::string_view() : std::string_view(buffer_).substr(skip);
}

Result<void> Scanner::fill(size_t bytes_min) {
  buffer_.erase(0, buffer_.size() - window().size());
  buffer_start_ = position_;
  size_t wanted = std::max(kReadBytes, bytes_min) - std::min(buffer_.size(), bytes_min);
  return file_.read_at(buffer_start_ + static_cast<int64_t>(buffer_.size()), wanted, buffer_);
}

Result<bool> Scanner::next(Decoded& out) {
  constexpr int kReadsMax = 2;  // the first may bring no more than the record's length
  for (int reads = 0;; ++reads) {
    Decoding decoding = decode(window(), out);
    if (decoding == Decoding::Whole && out.record.offset == expected_) {
      position_ += static_cast<int64_t>(out.size);
      ++expected_;
      return true;
    }
    if (reads == kReadsMax) return at_end();
    if (decoding != Decoding::Short) buffer_.clear();  // bytes may have been replaced since
    auto claimed = static_cast<int64_t>(claimed_size(window()));
    int64_t size = TRY(file_.size());
    if (size == position_) return at_end();
    TRY(fill(claimed <= size - position_ ? static_cast<size_t>(claimed) : 0));
  }
}

// Decides whether what stands here is a torn tail or damage, from bytes read anew. Nothing of it is
// kept.
Result<bool> Scanner::at_end() {
  buffer_.clear();
  int64_t size = TRY(file_.size());
  if (size <= position_ || size == harmless_bytes_) return false;
  std::string rest;
  TRY(file_.read_at(position_, static_cast<size_t>(size - position_), rest));
  Decoded record;
  bool whole = decode(rest, record) == Decoding::Whole;
  if (whole && record.record.offset == expected_) return false;  // arrived meanwhile: the next call
  if (whole || find_record(rest, 1, expected_)) return damaged();
  harmless_bytes_ = size;
  return false;
}

Error Scanner::damaged() const {
  return {Code::Corrupt,
          fmt::format("{} is damaged at byte {}, in the record of offset {}: restore the file from "
                      "a copy, or delete the topic and fill it again",
                      file_.path(), position_, expected_.value)};
}

Result<Scanner> scan_to(const std::string& directory, Offset base, Offset offset) {
  Scanner scanner = TRY(Scanner::open(directory, base));
  std::vector<IndexEntry> index = read_index(directory, base);
  auto above = std::upper_bound(index.begin(), index.end(), offset,
                                [](Offset o, const IndexEntry& e) { return o < e.offset; });
  // An entry may point beyond a tail that was cut: then the one before it serves.
  while (above != index.begin() && scanner.position() == 0) TRY(scanner.jump(*--above));
  Decoded skipped;
  while (scanner.expected() < offset) {
    bool more = TRY(scanner.next(skipped));
    if (!more) break;
  }
  return scanner;
}

Result<Scanner> scan_to_end(const std::string& directory, Offset base) {
  return scan_to(directory, base, Offset::max());
}

Offset segment_of(const std::vector<Offset>& bases, Offset offset) {
  CHECK(!bases.empty(), "a partition without segments");
  auto above = std::upper_bound(bases.begin(), bases.end(), offset);
  return above == bases.begin() ? bases.front() : *(above - 1);
}

Result<OffsetRange> held_range(const std::string& directory) {
  std::vector<Offset> bases = TRY(list_segments(directory));
  if (bases.empty()) return OffsetRange{};
  Scanner scanner = TRY(scan_to_end(directory, bases.back()));
  return OffsetRange{bases.front(), scanner.expected()};
}

Result<std::optional<Record>> last_record(const std::string& directory) {
  std::vector<Offset> bases = TRY(list_segments(directory));
  for (; !bases.empty(); bases.pop_back()) {
    Offset end = TRY(scan_to_end(directory, bases.back())).expected();
    if (end == bases.back()) continue;
    Scanner scanner = TRY(scan_to(directory, bases.back(), end - 1));
    Decoded decoded;
    bool found = TRY(scanner.next(decoded));
    if (found) return std::optional<Record>(to_record(decoded));
  }
  return std::optional<Record>();
}

Result<int64_t> age_timestamp_ms(const std::string& directory, Offset base) {
  struct stat status {};
  if (::stat(segment_path(directory, base).c_str(), &status) != 0) {
    return file_error("read", segment_path(directory, base), errno);
  }
  int64_t written_ms = status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000;
  std::vector<IndexEntry> index = read_index(directory, base);
  Scanner scanner = TRY(Scanner::open(directory, base));
  int64_t youngest = -1;
  if (!index.empty()) {
    youngest = index.back().timestamp_ms_max;
    TRY(scanner.jump(index.back()));
  }
  Decoded decoded;
  while (true) {
    bool more = TRY(scanner.next(decoded));
    if (!more) return std::min(youngest, written_ms);
    youngest = std::max(youngest, decoded.record.timestamp_ms);
  }
}

Result<Offset> offset_at(const std::string& directory, int64_t timestamp_ms) {
  std::vector<Offset> bases = TRY(list_segments(directory));
  Offset end;
  for (Offset base : bases) {
    Scanner scanner = TRY(Scanner::open(directory, base));
    for (const IndexEntry& entry : read_index(directory, base)) {
      if (entry.timestamp_ms_max >= timestamp_ms) break;
      TRY(scanner.jump(entry));
    }
    Decoded decoded;
    while (true) {
      bool more = TRY(scanner.next(decoded));
      if (!more) break;
      if (decoded.record.timestamp_ms >= timestamp_ms) return decoded.record.offset;
    }
    end = scanner.expected();
  }
  return end;
}

}  // namespace ticklake::broker
