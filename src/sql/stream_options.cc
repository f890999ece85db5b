#include "sql/stream_options.h"

#include <charconv>
#include <vector>

#include "base/text.h"
#include "base/time.h"

namespace ticklake::sql {
namespace {

constexpr const char* kSkipChangeCommits = "skipChangeCommits";
constexpr const char* kReadChangeFeed = "readChangeFeed";
constexpr const char* kStartingVersion = "startingVersion";
constexpr const char* kStartingTimestamp = "startingTimestamp";

struct Refused {
  const char* name;
  const char* advice;
};
constexpr Refused kRefused[] = {
    {"ignoreDeletes",
     "write skipChangeCommits, which passes over all versions that take rows away"},
    {"ignoreChanges",
     "it would give rows again that did not change; write skipChangeCommits, or readChangeFeed "
     "for the changes"},
    {"maxFilesPerTrigger", "remove it: batches are bounded by ticklake.maxRowsPerStep"},
    {"maxBytesPerTrigger", "remove it: batches are bounded by ticklake.maxRowsPerStep"},
    {"endingVersion", "a stream has no end: read the table without STREAM and VERSION AS OF"},
    {"endingTimestamp", "a stream has no end: read the table without STREAM and TIMESTAMP AS OF"},
};

class Reader {
 public:
  explicit Reader(const std::string& table) : table_(table) {}

  Result<void> take(const std::string& name, const std::string& value) {
    auto is = [&](const char* known) { return equal_ignoring_case(name, known); };
    if (is(kSkipChangeCommits)) {
      out_.skips_changes = TRY(flag(kSkipChangeCommits, value));
    } else if (is(kReadChangeFeed) || is("readChangeData")) {
      out_.change_feed = TRY(flag(kReadChangeFeed, value));
    } else if (is(kStartingVersion)) {
      TRY(version(value));
    } else if (is(kStartingTimestamp)) {
      auto time = parse_timestamp(value);
      if (!time) return bad(kStartingTimestamp, value, "a time such as 2026-01-05T14:30:00Z");
      out_.from_us = time->micros;
    } else {
      return unknown(name);
    }
    return {};
  }

  Result<TableStream> finish() const {
    bool from_version = out_.from_version || out_.from_latest;
    if (from_version && out_.from_us) {
      return Error{Code::Invalid, "startingVersion and startingTimestamp of " + table_ +
                                      " are both given; say one of them"};
    }
    if (out_.change_feed && out_.skips_changes) {
      return Error{Code::Invalid, "readChangeFeed of " + table_ +
                                      " gives changes, and skipChangeCommits leaves them out; say "
                                      "one of them"};
    }
    return out_;
  }

 private:
  Result<bool> flag(const char* name, const std::string& value) const {
    if (equal_ignoring_case(value, "true")) return true;
    if (equal_ignoring_case(value, "false")) return false;
    return bad(name, value, "true or false");
  }

  Result<void> version(const std::string& value) {
    if (equal_ignoring_case(value, "latest")) {
      out_.from_latest = true;
      return {};
    }
    int64_t number = 0;
    auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    bool whole = problem == std::errc() && end == value.data() + value.size() && number >= 0;
    if (!whole) return bad(kStartingVersion, value, "the number of a version, or latest");
    out_.from_version = number;
    return {};
  }

  Error bad(const char* name, const std::string& value, const char* expected) const {
    return Error{Code::Invalid, std::string(name) + " of " + table_ + " is '" +
                                    printable(value, 60) + "'; " + expected + " is expected"};
  }

  Error unknown(const std::string& name) const {
    for (const Refused& refused : kRefused) {
      if (!equal_ignoring_case(name, refused.name)) continue;
      return Error{Code::Unsupported, std::string("the option ") + refused.name + " of " + table_ +
                                          " is not supported; " + refused.advice};
    }
    std::vector<std::string> known = {kSkipChangeCommits, kReadChangeFeed, kStartingVersion,
                                      kStartingTimestamp};
    std::string near = nearest(name, known);
    return Error{Code::Unsupported,
                 "the option " + printable(name, 60) + " of " + table_ + " is not known; " +
                     (near.empty() ? "a stream of a table has " + joined(known, ", ")
                                   : "did you mean " + near + "?")};
  }

  const std::string& table_;
  TableStream out_;
};

}  // namespace

std::vector<Field> change_feed_columns() {
  return {{"_change_type", Kind::String},
          {"_commit_version", Kind::Long},
          {"_commit_timestamp", Kind::Timestamp}};
}

Result<TableStream> table_stream(const std::map<std::string, std::string>& options, bool streaming,
                                 const std::string& table) {
  if (!streaming) {
    return Error{Code::Unsupported,
                 "the option " + printable(options.begin()->first, 60) + " of " + table +
                     " is one of streams; write STREAM before the table, or remove WITH (..)"};
  }
  Reader reader(table);
  for (const auto& [name, value] : options) TRY(reader.take(name, value));
  return reader.finish();
}

}  // namespace ticklake::sql
