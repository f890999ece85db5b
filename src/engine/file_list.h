// The durable list of the files that a stream has met: one after another, each with a number that
// never changes. Progress is a number in it, so it moves with the table's commit alone. Private to
// the folder.
//
//   <directory>/<first>-<end>.jsonl    files first..end-1, a JSON object a line; neighbours are
//                                      merged into one file, in tiers
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/files.h"

namespace ticklake::engine {

struct ListedFile {
  std::string path;
  int64_t size = 0;
  int64_t modified_ms = 0;
  bool passed = false;  // known, but not to be read
};

class FileList {
 public:
  // Corrupt: a part of the list is missing or damaged.
  static Result<FileList> open(io::FileStore& files, io::Path directory);

  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  ListedFile at(int64_t number) const;
  // The newest number of the path, or nothing.
  std::optional<int64_t> find(std::string_view path) const;
  // Of the files from `number` on that are to be read.
  int64_t bytes_from(int64_t number) const;

  // Durably adds the files, in their order.
  Result<void> append(const std::vector<ListedFile>& added);

 private:
  struct Entry {
    uint64_t path_end = 0;  // in paths_; it begins where the entry before ends
    int64_t bytes_end = 0;  // of the files up to this one that are to be read
    int64_t size = 0;
    int64_t modified_ms = 0;
    bool passed = false;
  };
  struct Segment {
    int64_t first = 0;
    int64_t end = 0;
  };

  FileList(io::FileStore& files, io::Path directory)
      : files_(&files), directory_(std::move(directory)) {}

  io::Path path_of(Segment segment) const;
  Result<void> read(Segment segment);
  std::string text_of(Segment segment) const;
  Result<void> merge();
  void add(const ListedFile& file);
  void grow_table();
  std::string_view path_at(size_t number) const;

  io::FileStore* files_;
  io::Path directory_;
  std::vector<Segment> segments_;
  std::vector<Entry> entries_;
  std::string paths_;
  std::vector<uint32_t> table_;  // open addressing: number + 1 of each path's newest entry
};

}  // namespace ticklake::engine
