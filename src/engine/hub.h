// Hands the rows of a table's newest versions on to the flows that stream from it, in memory.
// Private to the folder.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "model/arrow.h"

namespace ticklake::engine {

// Rows of one partition of the original topic, in its order.
struct Piece {
  Partition partition;
  BatchPtr rows;
};

// The rows that one version added, and what its writer knew of the topic's partitions.
struct VersionRows {
  Version version;
  std::vector<Piece> pieces;
  std::set<Partition> partitions;  // all that the writer knew
  std::set<Partition> idle;        // of those, the ones that hold back no watermark
  std::set<Partition> ended = {};  // the ones that were read to their end
  bool tells_all = true;           // there are no other partitions
  int64_t rows() const;
};

// What the hub hands on is what the log holds: a consumer that finds nothing here reads the
// version's files and gets equal rows. Bounded: the oldest versions go first. Any thread; the
// versions of one table are published by one.
class Hub {
 public:
  explicit Hub(int64_t bytes_max) : bytes_max_(bytes_max) {}

  // A flow starts at a version. Consumers of one table have different names.
  void subscribe(const std::string& table, const std::string& consumer, Version next);

  // A version is in the log. Versions of a table only grow.
  void publish(const std::string& table, std::shared_ptr<const VersionRows> rows);
  // The same for versions whose rows are not at hand.
  void announce(const std::string& table, Version version);

  std::optional<Version> newest(const std::string& table) const;
  std::shared_ptr<const VersionRows> find(const std::string& table, Version version) const;
  // The consumer needs no version before `next` any more.
  void consumed(const std::string& table, const std::string& consumer, Version next);

  // The consumer is gone: nothing is kept for it.
  void leave(const std::string& consumer);

  int64_t bytes() const;
  // Bytes of the table's versions that some consumer still needs.
  int64_t backlog(const std::string& table) const;

 private:
  struct Entry {
    std::shared_ptr<const VersionRows> rows;
    int64_t bytes;
  };
  struct Feed {
    std::optional<Version> newest;
    std::deque<Entry> entries;
    int64_t bytes = 0;
    std::map<std::string, Version> consumers;
  };
  void drop_oldest(Feed& feed);
  void drop_consumed(Feed& feed);
  void announce_locked(Feed& feed, Version version);

  int64_t bytes_max_;
  mutable std::mutex mutex_;  // of all below
  int64_t bytes_ = 0;
  std::map<std::string, Feed> feeds_;
};

}  // namespace ticklake::engine
