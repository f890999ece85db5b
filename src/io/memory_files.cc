#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <fmt/format.h>

#include <set>

#include "io/files.h"

namespace ticklake::io {
namespace {

Error no_such_file(const Path& path) {
  return {Code::NotFound, fmt::format("no such file: {}", path)};
}

std::string as_directory(const Path& directory) {
  return directory.ends_with('/') ? directory : directory + "/";
}

// Collects what is written and gives it to the store at Close().
class MemoryOutput final : public arrow::io::OutputStream {
 public:
  using OnClose = std::function<Result<void>(std::string bytes)>;
  explicit MemoryOutput(OnClose on_close) : on_close_(std::move(on_close)) {}

  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* data, int64_t bytes) override {
    bytes_.append(static_cast<const char*>(data), static_cast<size_t>(bytes));
    return arrow::Status::OK();
  }
  arrow::Status Close() override {
    if (closed_) return arrow::Status::OK();
    closed_ = true;
    auto named = on_close_(std::move(bytes_));
    return named ? arrow::Status::OK() : arrow::Status::IOError(named.error().message);
  }
  arrow::Status Abort() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return static_cast<int64_t>(bytes_.size()); }

 private:
  OnClose on_close_;
  std::string bytes_;
  bool closed_ = false;
};

}  // namespace

Result<void> MemoryFiles::ask(std::string_view operation, const Path& path) {
  if (!faults_) return {};
  if (auto fault = faults_(operation, path)) return fault->error;
  return {};
}

Result<std::string> MemoryFiles::read(const Path& path) {
  TRY(ask("read", path));
  std::lock_guard lock(mutex_);
  auto found = files_.find(path);
  if (found == files_.end()) return no_such_file(path);
  return found->second.first;
}

Result<std::shared_ptr<arrow::io::RandomAccessFile>> MemoryFiles::open(const Path& path) {
  TRY(ask("open", path));
  std::lock_guard lock(mutex_);
  auto found = files_.find(path);
  if (found == files_.end()) return no_such_file(path);
  auto bytes = arrow::Buffer::FromString(found->second.first);
  return std::shared_ptr<arrow::io::RandomAccessFile>(
      std::make_shared<arrow::io::BufferReader>(bytes));
}

Result<std::shared_ptr<arrow::io::OutputStream>> MemoryFiles::create(const Path& path) {
  TRY(ask("create", path));
  auto on_close = [this, path](std::string bytes) -> Result<void> {
    TRY(ask("close", path));
    std::lock_guard lock(mutex_);
    bool added = files_.emplace(path, std::pair(std::move(bytes), ++ticks_)).second;
    if (!added) return Error{Code::Conflict, fmt::format("{} is there already", path)};
    return {};
  };
  return std::shared_ptr<arrow::io::OutputStream>(std::make_shared<MemoryOutput>(on_close));
}

Result<void> MemoryFiles::put(const Path& path, std::string_view bytes) {
  TRY(ask("put", path));
  std::lock_guard lock(mutex_);
  files_[path] = {std::string(bytes), ++ticks_};
  return {};
}

Result<void> MemoryFiles::put_if_absent(const Path& path, std::string_view bytes) {
  std::optional<Fault> fault;
  if (faults_) fault = faults_("put_if_absent", path);
  if (fault && !fault->after_effect) return fault->error;
  {
    std::lock_guard lock(mutex_);
    bool added = files_.emplace(path, std::pair(std::string(bytes), ++ticks_)).second;
    if (!added) return Error{Code::Conflict, fmt::format("{} is there already", path)};
  }
  if (fault) return fault->error;
  return {};
}

Result<std::vector<FileInfo>> MemoryFiles::list(const Path& directory, std::string_view from) {
  std::vector<FileInfo> all = TRY(list_all(directory));
  size_t prefix = as_directory(directory).size();
  std::erase_if(all, [&](const FileInfo& file) {
    std::string_view name = std::string_view(file.path).substr(prefix);
    return name.find('/') != std::string_view::npos || name < from;
  });
  return all;
}

Result<std::vector<FileInfo>> MemoryFiles::list_all(const Path& directory) {
  TRY(ask("list", directory));
  std::lock_guard lock(mutex_);
  std::vector<FileInfo> out;
  std::string prefix = as_directory(directory);
  for (auto at = files_.lower_bound(prefix); at != files_.end() && at->first.starts_with(prefix);
       ++at) {
    out.push_back({at->first, static_cast<int64_t>(at->second.first.size()), at->second.second});
  }
  return out;
}

Result<std::vector<std::string>> MemoryFiles::list_directories(const Path& directory) {
  std::set<std::string> names;
  size_t prefix = as_directory(directory).size();
  for (const FileInfo& file : TRY(list_all(directory))) {
    size_t slash = file.path.find('/', prefix);
    if (slash != std::string::npos) names.insert(file.path.substr(prefix, slash - prefix));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<FileInfo> MemoryFiles::info(const Path& path) {
  TRY(ask("info", path));
  std::lock_guard lock(mutex_);
  auto found = files_.find(path);
  if (found == files_.end()) return no_such_file(path);
  return FileInfo{path, static_cast<int64_t>(found->second.first.size()), found->second.second};
}

Result<void> MemoryFiles::remove(const Path& path) {
  TRY(ask("remove", path));
  std::lock_guard lock(mutex_);
  files_.erase(path);
  return {};
}

}  // namespace ticklake::io
