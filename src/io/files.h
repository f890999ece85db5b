// Files as a seam: the local disk, and one in memory whose faults tests inject.
//
// A path is '/'-separated text. Local: absolute, or relative to the working directory. Errors name
// the path and the system's reason. All calls may be made from any thread.
#pragma once

#include <arrow/io/type_fwd.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ticklake::io {

using Path = std::string;

Path join(std::string_view directory, std::string_view name);

struct FileInfo {
  Path path;
  int64_t size = 0;
  int64_t modified_ms = 0;
};

class FileStore {
 public:
  virtual ~FileStore() = default;

  // The whole file. NotFound where there is none.
  virtual Result<std::string> read(const Path& path) = 0;

  // For readers of parts (Parquet). NotFound where there is none.
  virtual Result<std::shared_ptr<arrow::io::RandomAccessFile>> open(const Path& path) = 0;

  // A new file that gets its name, durably, when Close() succeeds; dropped before that, it never
  // existed. Missing directories are made. Conflict at Close() where the name is taken.
  virtual Result<std::shared_ptr<arrow::io::OutputStream>> create(const Path& path) = 0;

  // Durably writes the file whole, replacing what was there; readers see the old or the new, never
  // a part.
  virtual Result<void> put(const Path& path, std::string_view bytes) = 0;

  // The same, but Conflict where the name is taken; of any number of racing callers one wins.
  virtual Result<void> put_if_absent(const Path& path, std::string_view bytes) = 0;

  // The files directly in a directory whose names are >= `from`, sorted by name; none where there
  // is no directory.
  virtual Result<std::vector<FileInfo>> list(const Path& directory, std::string_view from = "") = 0;

  // The files below a directory at any depth, sorted by path.
  virtual Result<std::vector<FileInfo>> list_all(const Path& directory) = 0;

  // The directories directly in a directory, by name, sorted.
  virtual Result<std::vector<std::string>> list_directories(const Path& directory) = 0;

  virtual Result<FileInfo> info(const Path& path) = 0;  // NotFound where there is none
  virtual Result<void> remove(const Path& path) = 0;    // fine where there is none
};

// Durable means fsync of the file and of its directory.
std::unique_ptr<FileStore> make_local_files();

// Keeps everything in memory. `fault`, where set, is asked before each operation ("read", "open",
// "create", "close", "put", "put_if_absent", "list", "info", "remove") and may answer with an
// error; answered for "put_if_absent" with after_effect set, the operation takes effect and the
// caller still sees the error, as when a reply is lost.
class MemoryFiles final : public FileStore {
 public:
  struct Fault {
    Error error;
    bool after_effect = false;
  };
  using Faults = std::function<std::optional<Fault>(std::string_view operation, const Path& path)>;

  explicit MemoryFiles(Faults faults = {}) : faults_(std::move(faults)) {}

  Result<std::string> read(const Path& path) override;
  Result<std::shared_ptr<arrow::io::RandomAccessFile>> open(const Path& path) override;
  Result<std::shared_ptr<arrow::io::OutputStream>> create(const Path& path) override;
  Result<void> put(const Path& path, std::string_view bytes) override;
  Result<void> put_if_absent(const Path& path, std::string_view bytes) override;
  Result<std::vector<FileInfo>> list(const Path& directory, std::string_view from) override;
  Result<std::vector<FileInfo>> list_all(const Path& directory) override;
  Result<std::vector<std::string>> list_directories(const Path& directory) override;
  Result<FileInfo> info(const Path& path) override;
  Result<void> remove(const Path& path) override;

 private:
  Result<void> ask(std::string_view operation, const Path& path);

  Faults faults_;
  std::mutex mutex_;
  std::map<Path, std::pair<std::string, int64_t>> files_;  // bytes, modified_ms (a counter)
  int64_t ticks_ = 0;
};

}  // namespace ticklake::io
