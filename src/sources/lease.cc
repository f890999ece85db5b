#include "sources/lease.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/text.h"

namespace ticklake::sources {

Lease::Lease(Lease&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Lease::~Lease() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<Lease> Lease::take(const std::string& directory, const std::string& source) {
  std::error_code made;
  std::filesystem::create_directories(directory, made);
  std::string path = fmt::format("{}/{}.lock", directory, source);
  int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return Error{Code::Unavailable, fmt::format("cannot open the lease {} of source {}: {}", path,
                                                source, std::strerror(errno))};
  }
  Lease lease(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    ssize_t size = ::pread(descriptor, holder, sizeof holder - 1, 0);
    auto pid = trimmed(std::string_view(holder, static_cast<size_t>(std::max<ssize_t>(size, 0))));
    return Error{Code::Conflict,
                 fmt::format("source {} is being sent by process {} already (it holds {}): stop "
                             "it first",
                             source, pid.empty() ? "unknown" : printable(pid), path)};
  }
  // Only for the message above; the lock is what counts.
  std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] ssize_t written = ::pwrite(descriptor, pid.data(), pid.size(), 0);
  }
  return lease;
}

}  // namespace ticklake::sources
