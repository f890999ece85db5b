// Files of the embedded log: positioned reads and writes of the system, with errors that name the
// path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace ticklake::broker {

// What went wrong with a path and what to do, from an errno. NotFound: ENOENT; else Unavailable.
Error file_error(std::string_view action, const std::string& path, int number);

// An open file; closes itself.
class File {
 public:
  File() = default;
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  File& operator=(File&& other) noexcept;
  ~File();

  static Result<File> open_to_read(const std::string& path);
  static Result<File> open_to_write(const std::string& path);  // made where missing

  const std::string& path() const { return path_; }
  int descriptor() const { return fd_; }

  Result<int64_t> size() const;
  Result<bool> is_unlinked() const;
  // Appends up to `bytes` bytes from `position` to `out`; fewer only at the end of the file.
  Result<void> read_at(int64_t position, size_t bytes, std::string& out) const;
  // How many bytes were written; fewer than given only with `failure` set.
  struct Written {
    size_t bytes = 0;
    int failure = 0;
  };
  Written write_at(int64_t position, std::string_view bytes) const;
  Result<void> truncate(int64_t size) const;
  Result<void> sync_data() const;

 private:
  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  static Result<File> open(const std::string& path, int flags, std::string_view action);

  int fd_ = -1;
  std::string path_;
};

Result<void> sync_directory(const std::string& path);
bool exists(const std::string& path);

}  // namespace ticklake::broker
