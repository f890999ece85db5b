// Files on the local disk. Durable before named: bytes go to a hidden temporary file beside the
// target, are synced, and only then get their name by link (which fails where the name is taken) or
// rename; then the directory is synced.
#include <arrow/io/file.h>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>

#include "io/files.h"

namespace ticklake::io {
namespace {

constexpr std::string_view kTemporaryPrefix = ".ticklake-tmp-";

// The failure of a system call as an error that names the path and what to do.
Error system_error(std::string_view doing, const Path& path, int code) {
  const char* advice =
      code == ENOSPC || code == EDQUOT ? "; free space on that disk and start again"
      : code == EACCES || code == EPERM || code == EROFS
          ? "; check the permissions of that directory"
      : code == EMFILE || code == ENFILE ? "; raise the limit of open files (ulimit -n)"
                                         : "";
  Code kind = code == ENOENT || code == ENOTDIR ? Code::NotFound
              : code == EEXIST                  ? Code::Conflict
                                                : Code::Unavailable;
  return {kind, fmt::format("cannot {} {}: {}{}", doing, path, std::strerror(code), advice)};
}

std::string parent(const Path& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<void> sync_directory(const Path& directory) {
  Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return system_error("sync", directory, errno);
  return {};
}

// Makes the directory and those above it, each durably in its parent.
Result<void> make_directories(const Path& directory) {
  struct stat info;
  if (::stat(directory.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) return system_error("make the directory", directory, ENOTDIR);
    return {};
  }
  TRY(make_directories(parent(directory)));
  if (::mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
    int code = errno;  // ENOENT cannot be: the parent is there
    return system_error("make the directory", directory, code);
  }
  return sync_directory(parent(directory));
}

Path temporary_beside(const Path& path) {
  static std::atomic<uint64_t> counter =
      0;  // unique within the process; the pid makes it so between processes
  return fmt::format("{}/{}{}-{}", parent(path), kTemporaryPrefix, ::getpid(), counter++);
}

// Nothing where the name is gone or leads nowhere. A disk that does not answer is an error: what is
// left out of a list is taken for missing.
Result<std::optional<struct stat>> looked_at(const Path& path) {
  std::optional<struct stat> found;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    found = info;
  } else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
    return system_error("read", path, errno);
  }
  return found;
}

Result<void> write_all(int fd, const Path& path, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

enum class Naming : uint8_t { Replace, IfAbsent };

// A temporary file that becomes `path` by name_it(), or vanishes.
class PendingFile {
 public:
  static Result<std::unique_ptr<PendingFile>> make(const Path& path) {
    TRY(make_directories(parent(path)));
    Path temporary = temporary_beside(path);
    int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return system_error("write", path, errno);
    return std::unique_ptr<PendingFile>(new PendingFile(path, temporary, fd));
  }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  Result<void> write(std::string_view bytes) { return write_all(fd_.get(), path_, bytes); }

  Result<void> name_it(Naming naming) {
    if (::fdatasync(fd_.get()) != 0) return system_error("sync", path_, errno);
    if (naming == Naming::Replace) {
      if (::rename(temporary_.c_str(), path_.c_str()) != 0)
        return system_error("name", path_, errno);
    } else {
      if (::link(temporary_.c_str(), path_.c_str()) != 0) return system_error("name", path_, errno);
      ::unlink(temporary_.c_str());
    }
    temporary_.clear();
    return sync_directory(parent(path_));
  }

  const Path& path() const { return path_; }

 private:
  PendingFile(Path path, Path temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

  Path path_, temporary_;
  Descriptor fd_;
};

// A PendingFile as Arrow writes to it, through a buffer that spares system calls.
class LocalOutput final : public arrow::io::OutputStream {
 public:
  explicit LocalOutput(std::unique_ptr<PendingFile> file) : file_(std::move(file)) {}
  ~LocalOutput() override = default;

  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t bytes) override {
    position_ += bytes;
    buffer_.append(static_cast<const char*>(data), static_cast<size_t>(bytes));
    return buffer_.size() >= kBufferBytes ? flush_buffer() : arrow::Status::OK();
  }
  arrow::Status Flush() override { return flush_buffer(); }
  arrow::Status Close() override {
    if (!file_) return arrow::Status::OK();
    arrow::Status flushed = flush_buffer();
    auto file = std::move(file_);
    return flushed.ok() ? to_status(file->name_it(Naming::IfAbsent)) : flushed;
  }
  arrow::Status Abort() override {
    file_.reset();
    return arrow::Status::OK();
  }
  bool closed() const override { return !file_; }
  arrow::Result<int64_t> Tell() const override { return position_; }

 private:
  static constexpr size_t kBufferBytes = 1 << 20;

  static arrow::Status to_status(const Result<void>& result) {
    return result ? arrow::Status::OK() : arrow::Status::IOError(result.error().message);
  }
  arrow::Status flush_buffer() {
    if (!file_) return arrow::Status::Invalid("write to a closed file");
    arrow::Status out = to_status(file_->write(buffer_));
    buffer_.clear();
    return out;
  }

  std::unique_ptr<PendingFile> file_;
  std::string buffer_;
  int64_t position_ = 0;
};

FileInfo info_of(const Path& path, const struct stat& found) {
  return {path, found.st_size, found.st_mtim.tv_sec * 1000 + found.st_mtim.tv_nsec / 1'000'000};
}

// Calls on_entry(name, stat) for what a directory holds; nothing where there is no directory.
template <typename OnEntry>
Result<void> for_each_entry(const Path& directory, OnEntry on_entry) {
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  if (!dir) {
    if (errno == ENOENT) return {};
    return system_error("list", directory, errno);
  }
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    std::string_view name = entry->d_name;
    if (name == "." || name == ".." || name.starts_with(kTemporaryPrefix)) continue;
    TRY(on_entry(std::string(name), *entry));
  }
  if (errno != 0) return system_error("list", directory, errno);
  return {};
}

class LocalFiles final : public FileStore {
 public:
  Result<std::string> read(const Path& path) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found;
    if (fd.get() < 0 || ::fstat(fd.get(), &found) != 0) return system_error("read", path, errno);
    std::string out(static_cast<size_t>(found.st_size), '\0');
    size_t have = 0;
    while (true) {
      if (have == out.size())
        out.resize(out.size() + 4096);  // it may have grown, or has no size (/proc)
      ssize_t got = ::read(fd.get(), out.data() + have, out.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error("read", path, errno);
      if (got == 0) break;
      have += static_cast<size_t>(got);
    }
    out.resize(have);
    return out;
  }

  Result<std::shared_ptr<arrow::io::RandomAccessFile>> open(const Path& path) override {
    TRY(info(path));  // for NotFound
    auto opened = arrow::io::ReadableFile::Open(path);
    if (!opened.ok()) return Error{Code::Unavailable, opened.status().message()};
    return std::shared_ptr<arrow::io::RandomAccessFile>(std::move(opened).ValueUnsafe());
  }

  Result<std::shared_ptr<arrow::io::OutputStream>> create(const Path& path) override {
    std::unique_ptr<PendingFile> file = TRY(PendingFile::make(path));
    return std::shared_ptr<arrow::io::OutputStream>(std::make_shared<LocalOutput>(std::move(file)));
  }

  Result<void> put(const Path& path, std::string_view bytes) override {
    return put_as(path, bytes, Naming::Replace);
  }
  Result<void> put_if_absent(const Path& path, std::string_view bytes) override {
    return put_as(path, bytes, Naming::IfAbsent);
  }

  Result<std::vector<FileInfo>> list(const Path& directory, std::string_view from) override {
    std::vector<FileInfo> out;
    auto take = [&](const std::string& name, const dirent& entry) -> Result<void> {
      if (name < from || entry.d_type == DT_DIR) return {};
      Path path = join(directory, name);
      auto found = TRY(looked_at(path));
      if (found && S_ISREG(found->st_mode)) out.push_back(info_of(path, *found));
      return {};
    };
    TRY(for_each_entry(directory, take));
    std::sort(out.begin(), out.end(),
              [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
    return out;
  }

  Result<std::vector<FileInfo>> list_all(const Path& directory) override {
    std::vector<FileInfo> out = TRY(list(directory, ""));
    for (const std::string& name : TRY(list_directories(directory))) {
      std::vector<FileInfo> below = TRY(list_all(join(directory, name)));
      out.insert(out.end(), below.begin(), below.end());
    }
    std::sort(out.begin(), out.end(),
              [](const FileInfo& a, const FileInfo& b) { return a.path < b.path; });
    return out;
  }

  Result<std::vector<std::string>> list_directories(const Path& directory) override {
    std::vector<std::string> out;
    auto take = [&](const std::string& name, const dirent& entry) -> Result<void> {
      if (entry.d_type == DT_REG) return {};  // without asking the disk again
      auto found = TRY(looked_at(join(directory, name)));
      if (found && S_ISDIR(found->st_mode)) out.push_back(name);
      return {};
    };
    TRY(for_each_entry(directory, take));
    std::sort(out.begin(), out.end());
    return out;
  }

  Result<FileInfo> info(const Path& path) override {
    struct stat found;
    if (::stat(path.c_str(), &found) != 0) return system_error("read", path, errno);
    if (!S_ISREG(found.st_mode))
      return Error{Code::NotFound, fmt::format("{} is not a file", path)};
    return info_of(path, found);
  }

  Result<void> remove(const Path& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("remove", path, errno);
    return {};
  }

 private:
  static Result<void> put_as(const Path& path, std::string_view bytes, Naming naming) {
    std::unique_ptr<PendingFile> file = TRY(PendingFile::make(path));
    TRY(file->write(bytes));
    return file->name_it(naming);
  }
};

}  // namespace

std::unique_ptr<FileStore> make_local_files() { return std::make_unique<LocalFiles>(); }

Path join(std::string_view directory, std::string_view name) {
  if (directory.empty()) return Path(name);
  if (directory.back() == '/') return Path(directory) + Path(name);
  return Path(directory) + "/" + Path(name);
}

}  // namespace ticklake::io
