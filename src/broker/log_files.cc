#include "broker/log_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ticklake::broker {
namespace {

std::string_view remedy(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "; free some space or raise the limit, and run again";
    case EACCES:
    case EPERM:
    case EROFS: return "; make it accessible to this user, or choose another directory";
    case EMFILE:
    case ENFILE: return "; raise the limit of open files (ulimit -n)";
    case ENOENT: return "";
    default: return "; check the disk, and run again";
  }
}

}  // namespace

Error file_error(std::string_view action, const std::string& path, int number) {
  Code code = number == ENOENT ? Code::NotFound : Code::Unavailable;
  return {code,
          fmt::format("cannot {} {}: {}{}", action, path, std::strerror(number), remedy(number))};
}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<File> File::open(const std::string& path, int flags, std::string_view action) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) return file_error(action, path, errno);
  return File(fd, path);
}

Result<File> File::open_to_read(const std::string& path) { return open(path, O_RDONLY, "read"); }

Result<File> File::open_to_write(const std::string& path) {
  return open(path, O_RDWR | O_CREAT, "write");
}

Result<int64_t> File::size() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return file_error("read", path_, errno);
  return int64_t{status.st_size};
}

Result<bool> File::is_unlinked() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return file_error("read", path_, errno);
  return status.st_nlink == 0;
}

Result<void> File::read_at(int64_t position, size_t bytes, std::string& out) const {
  size_t start = out.size();
  out.resize(start + bytes);
  size_t done = 0;
  while (done < bytes) {
    ssize_t got = ::pread(fd_, out.data() + start + done, bytes - done,
                          position + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("read", path_, errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  out.resize(start + done);
  return {};
}

File::Written File::write_at(int64_t position, std::string_view bytes) const {
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t put = ::pwrite(fd_, bytes.data() + done, bytes.size() - done,
                           position + static_cast<int64_t>(done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return {done, errno};
    done += static_cast<size_t>(put);
  }
  return {done, 0};
}

Result<void> File::truncate(int64_t size) const {
  if (::ftruncate(fd_, size) != 0) return file_error("truncate", path_, errno);
  return {};
}

Result<void> File::sync_data() const {
  if (::fdatasync(fd_) != 0) return file_error("make durable", path_, errno);
  return {};
}

Result<void> sync_directory(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return file_error("open", path, errno);
  int failed = ::fsync(fd) != 0 ? errno : 0;
  ::close(fd);
  if (failed != 0) return file_error("make durable", path, failed);
  return {};
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace ticklake::broker
