#include "sources/budget.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/time.h"

namespace ticklake::sources {

using Json = nlohmann::json;

namespace {

constexpr int64_t kBusyPauseUs = 20'000;
// By a source without a limit a day: no plan that has one allows more.
constexpr int64_t kRequestsKept = 1000;

// An exclusive lock on a file, for as long as this lives.
class FileLock {
 public:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool held() const { return descriptor_ != kBusy; }

  static Result<FileLock> take(const std::string& path, bool wait) {
    std::error_code made;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), made);
    int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
      return Error{Code::Unavailable, fmt::format("cannot open {}, which guards the budget of an "
                                                  "API key: {}",
                                                  path, std::strerror(errno))};
    }
    FileLock lock(descriptor);
    int done = 0;
    do {
      done = ::flock(descriptor, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
    } while (done != 0 && errno == EINTR);
    if (done == 0) return lock;
    if (errno == EWOULDBLOCK) return FileLock(kBusy);
    return Error{Code::Unavailable, fmt::format("cannot lock {}, which guards the budget of an API "
                                                "key: {}",
                                                path, std::strerror(errno))};
  }

 private:
  static constexpr int kBusy = -2;
  int descriptor_;
};

// Where the nth newest of ascending instants stands, or nothing where there are fewer.
std::optional<int64_t> nth_newest(const std::vector<int64_t>& instants, int64_t n) {
  auto size = static_cast<int64_t>(instants.size());
  if (n < 1 || size < n) return {};
  return instants[static_cast<size_t>(size - n)];
}

}  // namespace

int64_t BudgetState::next_us(const RequestLimits& limits, int64_t now_us) const {
  int64_t next = std::max(now_us, held_until_us);
  auto wait_for = [&](std::optional<int64_t> request, int64_t period_us) {
    if (request) next = std::max(next, *request + period_us);
  };
  wait_for(nth_newest(requests_us, 1), limits.spacing_us);
  wait_for(nth_newest(requests_us, limits.per_minute), kMicrosPerMinute);
  wait_for(nth_newest(requests_us, limits.per_day), kMicrosPerDay);
  return next;
}

int64_t BudgetState::used_in_a_day(int64_t now_us) const {
  return std::count_if(requests_us.begin(), requests_us.end(),
                       [&](int64_t at) { return at > now_us - kMicrosPerDay; });
}

int64_t BudgetState::end_of(int64_t count, const RequestLimits& limits, int64_t now_us) const {
  BudgetState future = *this;
  int64_t at = now_us;
  for (int64_t i = 0; i < count; ++i) {
    at = future.next_us(limits, at);
    future.requests_us.push_back(at);
  }
  return at;
}

Budget::Budget(io::FileStore& files, const io::Clock& clock, io::Path file, RequestLimits limits,
               bool locked)
    : files_(files), clock_(clock), file_(std::move(file)), limits_(limits), locked_(locked) {}

Result<BudgetState> Budget::state() const {
  auto text = files_.read(file_);
  if (!text && text.error().code == Code::NotFound) return BudgetState{};
  if (!text) return std::move(text).error();
  Json json = Json::parse(*text, nullptr, false);
  auto number = [&](const char* key) -> std::optional<int64_t> {
    auto found = json.find(key);
    if (found == json.end() || !found->is_number_integer()) return {};
    return found->get<int64_t>();
  };
  BudgetState out;
  bool whole = json.is_object() && json.contains("requests_us") && json["requests_us"].is_array();
  if (whole) {
    for (const Json& item : json["requests_us"]) {
      whole = whole && item.is_number_integer();
      if (whole) out.requests_us.push_back(item.get<int64_t>());
    }
    whole = whole && number("held_until_us") && number("failures");
  }
  if (!whole) {
    return Error{Code::Invalid, fmt::format("{} is damaged: it holds the requests that an API key "
                                            "has sent in the last 24 hours; remove it to count "
                                            "from zero",
                                            file_)};
  }
  out.held_until_us = *number("held_until_us");
  out.failures = *number("failures");
  // Of a clock that was wrong: what cannot be true any more does not count.
  int64_t now = clock_.now_us();
  std::erase_if(out.requests_us, [&](int64_t at) { return std::abs(at - now) >= kMicrosPerDay; });
  std::sort(out.requests_us.begin(), out.requests_us.end());
  if (out.held_until_us - now > kMicrosPerDay) out.held_until_us = 0;
  return out;
}

Result<void> Budget::put(const BudgetState& state) {
  Json json = {{"requests_us", state.requests_us},
               {"held_until_us", state.held_until_us},
               {"failures", state.failures}};
  return files_.put(file_, json.dump() + "\n");
}

Result<int64_t> Budget::take() {
  FileLock lock = locked_ ? TRY(FileLock::take(file_ + ".lock", false)) : FileLock(-1);
  int64_t now = clock_.now_us();
  if (!lock.held()) return now + kBusyPauseUs;
  BudgetState state = TRY(this->state());
  int64_t next = state.next_us(limits_, now);
  if (next > now) return next;
  state.requests_us.push_back(now);
  std::sort(state.requests_us.begin(), state.requests_us.end());
  // Another source with this key may have a limit a day; without one here they may become many.
  auto& requests = state.requests_us;
  auto minute_ago = std::upper_bound(requests.begin(), requests.end(), now - kMicrosPerMinute);
  auto surplus = std::max<int64_t>(0, std::ssize(requests) - kRequestsKept);
  if (limits_.per_day == 0) {
    requests.erase(requests.begin(), std::min(requests.begin() + surplus, minute_ago));
  }
  TRY(put(state));
  return int64_t{0};
}

Result<void> Budget::answered() {
  FileLock lock = locked_ ? TRY(FileLock::take(file_ + ".lock", true)) : FileLock(-1);
  BudgetState state = TRY(this->state());
  if (state.failures == 0) return {};
  state.failures = 0;
  return put(state);
}

Result<int64_t> Budget::failed(int64_t first_pause_us, int64_t longest_pause_us) {
  FileLock lock = locked_ ? TRY(FileLock::take(file_ + ".lock", true)) : FileLock(-1);
  BudgetState state = TRY(this->state());
  int64_t doubled = first_pause_us << std::min<int64_t>(state.failures, 20);
  ++state.failures;
  state.held_until_us = std::max(state.held_until_us,
                                 clock_.now_us() + std::min(doubled, longest_pause_us));
  TRY(put(state));
  return state.held_until_us;
}

Result<void> Budget::hold(int64_t until_us) {
  FileLock lock = locked_ ? TRY(FileLock::take(file_ + ".lock", true)) : FileLock(-1);
  BudgetState state = TRY(this->state());
  state.held_until_us = std::max(state.held_until_us, until_us);
  return put(state);
}

std::string name_of_key(std::string_view service, std::string_view key) {
  std::string text = fmt::format("{}\n{}", service, key);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  bool done = EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) == 1;
  CHECK(done && size >= 8, "SHA-256 is always there");
  std::string out;
  for (int i = 0; i < 8; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace ticklake::sources
