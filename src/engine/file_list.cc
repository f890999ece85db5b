// Invariant: segments_ are neighbours from 0 on without gaps; a merged segment is there before
// those that it replaces go, so after a crash the list is whole, perhaps twice.
#include "file_list.h"

#include <arrow/array.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "formats/formats.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

constexpr int64_t kMergeAt = 32;  // segments of a tier

const Schema& list_schema() {
  static const Schema schema{{{"path", Kind::String, false},
                              {"size", Kind::Long, false},
                              {"modified_ms", Kind::Long, false},
                              {"passed", Kind::Boolean}}};
  return schema;
}

int tier(int64_t count) {
  int out = 0;
  for (; count >= kMergeAt; count /= kMergeAt) ++out;
  return out;
}

std::optional<std::pair<int64_t, int64_t>> range_in(std::string_view name) {
  int64_t first = 0, end = 0;
  const char* stop = name.data() + name.size();
  auto [dash, no_first] = std::from_chars(name.data(), stop, first);
  if (no_first != std::errc() || dash == stop || *dash != '-') return {};
  auto [dot, no_end] = std::from_chars(dash + 1, stop, end);
  if (no_end != std::errc() || std::string_view(dot, stop) != ".jsonl" || end <= first) return {};
  return std::pair(first, end);
}

}  // namespace

io::Path FileList::path_of(Segment segment) const {
  return io::join(directory_, fmt::format("{:012}-{:012}.jsonl", segment.first, segment.end));
}

std::string_view FileList::path_at(size_t number) const {
  uint64_t begin = number == 0 ? 0 : entries_[number - 1].path_end;
  return std::string_view(paths_).substr(begin, entries_[number].path_end - begin);
}

ListedFile FileList::at(int64_t number) const {
  const Entry& entry = entries_[static_cast<size_t>(number)];
  return {std::string(path_at(static_cast<size_t>(number))), entry.size, entry.modified_ms,
          entry.passed};
}

std::optional<int64_t> FileList::find(std::string_view path) const {
  if (table_.empty()) return {};
  for (size_t at = fnv1a(path) % table_.size();; at = (at + 1) % table_.size()) {
    if (table_[at] == 0) return {};
    if (path_at(table_[at] - 1) == path) return int64_t{table_[at]} - 1;
  }
}

int64_t FileList::bytes_from(int64_t number) const {
  int64_t all = entries_.empty() ? 0 : entries_.back().bytes_end;
  return number == 0 ? all : all - entries_[static_cast<size_t>(number) - 1].bytes_end;
}

void FileList::grow_table() {
  table_.assign(std::max<size_t>(1024, table_.size() * 2), 0);
  for (size_t i = 0; i < entries_.size(); ++i) {
    std::string_view path = path_at(i);
    size_t at = fnv1a(path) % table_.size();
    while (table_[at] != 0 && path_at(table_[at] - 1) != path) at = (at + 1) % table_.size();
    table_[at] = static_cast<uint32_t>(i + 1);
  }
}

void FileList::add(const ListedFile& file) {
  CHECK(entries_.size() < UINT32_MAX, "a list of less than four billion files");
  paths_ += file.path;
  int64_t bytes = entries_.empty() ? 0 : entries_.back().bytes_end;
  if (!file.passed) bytes += file.size;
  entries_.push_back({paths_.size(), bytes, file.size, file.modified_ms, file.passed});
  if (entries_.size() * 2 > table_.size()) {
    grow_table();
    return;
  }
  size_t at = fnv1a(file.path) % table_.size();
  while (table_[at] != 0 && path_at(table_[at] - 1) != file.path) at = (at + 1) % table_.size();
  table_[at] = static_cast<uint32_t>(entries_.size());
}

Result<void> FileList::read(Segment segment) {
  io::Path path = path_of(segment);
  std::string text = TRY(files_->read(path));
  auto rows = formats::from_json_lines(text, list_schema());
  if (!rows || (*rows)->num_rows() != segment.end - segment.first) {
    return Error{Code::Corrupt,
                 fmt::format("{}: the list of files is damaged{}; restore it, or rebuild the table "
                             "with --full-refresh",
                             path, rows ? "" : " (" + rows.error().message + ")")};
  }
  const auto& passed = static_cast<const arrow::BooleanArray&>(*(*rows)->column(3));
  for (int64_t i = 0; i < (*rows)->num_rows(); ++i) {
    add({.path = std::string(text_at(*(*rows)->column(0), i).value_or("")),
         .size = number_at(*(*rows)->column(1), i).value_or(0),
         .modified_ms = number_at(*(*rows)->column(2), i).value_or(0),
         .passed = passed.IsValid(i) && passed.Value(i)});
  }
  segments_.push_back(segment);
  return {};
}

Result<FileList> FileList::open(io::FileStore& files, io::Path directory) {
  FileList out(files, std::move(directory));
  std::vector<Segment> found;
  for (const auto& file : TRY(files.list(out.directory_))) {
    if (auto range = range_in(std::string_view(file.path).substr(out.directory_.size() + 1))) {
      found.push_back({range->first, range->second});
    }
  }
  // Of those that begin at one place the longest holds the others.
  std::sort(found.begin(), found.end(), [](const Segment& a, const Segment& b) {
    return a.first != b.first ? a.first < b.first : a.end > b.end;
  });
  int64_t end = 0;
  for (const Segment& segment : found) {
    if (segment.end <= end) continue;
    if (segment.first != end) {
      return Error{Code::Corrupt,
                   fmt::format("{}: the list of files has a gap: {} to {} are missing; restore it, "
                               "or rebuild the table with --full-refresh",
                               out.directory_, end, segment.first)};
    }
    TRY(out.read(segment));
    end = segment.end;
  }
  return out;
}

std::string FileList::text_of(Segment segment) const {
  std::string text;
  for (int64_t i = segment.first; i < segment.end; ++i) {
    ListedFile file = at(i);
    text += "{\"path\":";
    formats::append_json_string(text, file.path);
    text += fmt::format(",\"size\":{},\"modified_ms\":{}{}}}\n", file.size, file.modified_ms,
                        file.passed ? ",\"passed\":true" : "");
  }
  return text;
}

Result<void> FileList::append(const std::vector<ListedFile>& added) {
  if (added.empty()) return {};
  Segment segment{size(), size() + static_cast<int64_t>(added.size())};
  for (const auto& file : added) add(file);
  auto stored = files_->put_if_absent(path_of(segment), text_of(segment));
  if (!stored) return stored.error();
  segments_.push_back(segment);
  return merge();
}

// Where a tier is full, its segments become one of the next: each file is written a few times only,
// however many come one by one.
Result<void> FileList::merge() {
  while (true) {
    size_t begin = segments_.size();
    int last = tier(segments_.back().end - segments_.back().first);
    while (begin > 0 && tier(segments_[begin - 1].end - segments_[begin - 1].first) == last) {
      --begin;
    }
    if (segments_.size() - begin < static_cast<size_t>(kMergeAt)) return {};
    Segment whole{segments_[begin].first, segments_.back().end};
    TRY(files_->put(path_of(whole), text_of(whole)));
    for (size_t i = begin; i < segments_.size(); ++i) TRY(files_->remove(path_of(segments_[i])));
    segments_.resize(begin);
    segments_.push_back(whole);
  }
}

}  // namespace ticklake::engine
