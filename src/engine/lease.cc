#include "lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/text.h"
#include "engine/engine.h"

namespace ticklake::engine {
namespace {

constexpr std::string_view kLeaseName = "runner.lock";

Error failed(const io::Path& path, int problem) {
  return {Code::Unavailable, fmt::format("{} cannot be written: {}", path, std::strerror(problem))};
}

std::string holder_of(int file) {
  char bytes[32] = {};
  ssize_t count = ::pread(file, bytes, sizeof(bytes) - 1, 0);
  std::string pid(trimmed(std::string_view(bytes, count > 0 ? static_cast<size_t>(count) : 0)));
  return pid.empty() ? "another process" : "process " + pid;
}

}  // namespace

Result<std::unique_ptr<Lease>> Lease::take(const io::Path& storage) {
  std::error_code problem;
  std::filesystem::create_directories(storage, problem);
  if (problem) return failed(storage, problem.value());
  io::Path path = io::join(storage, kLeaseName);
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return failed(path, errno);
  std::unique_ptr<Lease> lease(new Lease(file));
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed(path, errno);
    return Error{Code::Conflict, fmt::format("{} runs this project already ({} is locked); stop it "
                                             "first",
                                             holder_of(file), path)};
  }
  std::string pid = fmt::format("{}\n", ::getpid());
  bool written = ::ftruncate(file, 0) == 0 &&
                 ::pwrite(file, pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size());
  if (!written) return failed(path, errno);
  return lease;
}

std::optional<std::string> runner_of(const io::Path& storage) {
  int file = ::open(io::join(storage, kLeaseName).c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  bool is_held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  std::optional<std::string> holder;
  if (is_held) holder = holder_of(file);
  ::close(file);
  return holder;
}

Lease::~Lease() { ::close(file_); }

}  // namespace ticklake::engine
