// What a key may still ask for: its requests of the last 24 hours, in a file that all sources and
// processes with that key share.
//
// Invariant: a request is in the file, durably, before it is sent; so a process that dies in
// between wastes one and never sends one too many.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/clock.h"
#include "io/files.h"
#include "sources/sources.h"

namespace ticklake::sources {

// The file's contents, and what follows from them.
struct BudgetState {
  std::vector<int64_t> requests_us;  // ascending
  int64_t held_until_us = 0;         // the service asked for a pause, or did not answer
  int64_t failures = 0;              // in a row

  // When the next request may go, at or after `now_us`.
  int64_t next_us(const RequestLimits& limits, int64_t now_us) const;
  int64_t used_in_a_day(int64_t now_us) const;
  // When the last of `count` requests goes that are sent as soon as the limits let them.
  int64_t end_of(int64_t count, const RequestLimits& limits, int64_t now_us) const;
};

class Budget {
 public:
  // `file` holds the state; a file beside it is locked, on the local disk, while it is changed;
  // `locked` false: it is not (a store in memory).
  Budget(io::FileStore& files, const io::Clock& clock, io::Path file, RequestLimits limits,
         bool locked);

  // 0: one request may be sent now, and counts from now on. Else the instant to ask again at.
  // Invalid: the file is damaged.
  Result<int64_t> take();
  // What came of it: an answer, or none, after which each pause is twice as long.
  Result<void> answered();
  Result<int64_t> failed(int64_t first_pause_us, int64_t longest_pause_us);  // until when it holds
  Result<void> hold(int64_t until_us);

  Result<BudgetState> state() const;
  const RequestLimits& limits() const { return limits_; }

 private:
  Result<void> put(const BudgetState& state);

  io::FileStore& files_;
  const io::Clock& clock_;
  io::Path file_;
  RequestLimits limits_;
  bool locked_;
};

// A name for the key that does not tell it: 16 hexadecimal digits of its SHA-256.
std::string name_of_key(std::string_view service, std::string_view key);

}  // namespace ticklake::sources
