// What goes wrong in a simulated world: asked before each operation on files and topics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/files.h"

namespace ticklake::sim {

class Faults {
 public:
  using Fault = io::MemoryFiles::Fault;

  // From the operation after so many on, nothing works and nothing takes effect, as for a process
  // that was killed between two of them; until revive().
  void die_after(int64_t operations) { dies_at_ = asked_ + operations; }
  // The next so many operations on topics (or files) fail.
  void outage_of_topics(int64_t operations) { topics_away_until_ = asked_ + operations; }
  void outage_of_files(int64_t operations) { files_away_until_ = asked_ + operations; }
  // One operation after so many fails; with `after_effect` only its answer is lost.
  void fail_after(int64_t operations, bool after_effect) {
    fails_at_ = asked_ + operations;
    after_effect_ = after_effect;
  }
  void clear() {
    dies_at_.reset();
    fails_at_.reset();
    topics_away_until_ = files_away_until_ = 0;
  }
  void revive() { dies_at_.reset(); }
  bool dead() const { return dies_at_ && asked_ >= *dies_at_; }
  int64_t asked() const { return asked_; }
  int64_t hits() const { return hits_; }

  std::optional<Fault> ask(bool of_topics, std::string_view operation, const std::string& what);

 private:
  int64_t asked_ = 0;
  int64_t hits_ = 0;
  std::optional<int64_t> dies_at_, fails_at_;
  int64_t topics_away_until_ = 0, files_away_until_ = 0;
  bool after_effect_ = false;
};

}  // namespace ticklake::sim
