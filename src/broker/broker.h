// Topics: durable partitioned logs of records. Two implementations, one behaviour: Apache Kafka and
// the embedded log.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "broker/schema_registry.h"
#include "io/clock.h"
#include "model/arrow.h"

namespace ticklake::broker {

struct Header {
  std::string key;
  std::optional<std::string> value;
};

struct Record {
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::vector<Header> headers = {};
  int64_t timestamp_ms = -1;  // since 1970 UTC; -1: when it is appended
};

// The offsets that a partition holds: [begin, end).
struct OffsetRange {
  Offset begin, end;
  bool operator==(const OffsetRange&) const = default;
};

struct TopicInfo {
  std::string name;
  std::string id;  // changes when a topic is deleted and created again
  std::vector<OffsetRange> partitions;
};

// Rows of one partition in offset order. The columns are those of read_kafka: key BINARY, value
// BINARY, topic STRING,
// partition INT, offset BIGINT, timestamp TIMESTAMP, timestampType INT, headers ARRAY<STRUCT<key
// STRING, value BINARY>>.
struct Chunk {
  Partition partition;
  // where reading goes on; may be beyond the last row's offset + 1 (compaction, transaction
  // markers)
  Offset next;
  BatchPtr rows;
};

const Schema& record_schema();

struct PollLimits {
  int64_t rows_max = 100'000;    // of all partitions together
  int64_t bytes_max = 64 << 20;  // of keys, values and headers together; one record may exceed it
  int64_t wait_ms_max = 0;       // for a first record; 0: only what is there already
  bool headers = true;           // false: nobody asks for them, the column may be NULL
};

// Reads a topic from given offsets; not a group member. One thread at a time.
class Reader {
 public:
  virtual ~Reader() = default;

  // At most one chunk a partition, partitions taken evenly so that none runs ahead of the others.
  // Empty: nothing new.
  // NotFound: the topic is gone. Corrupt: an offset sought is no longer held (log start beyond it),
  // beyond the end, or
  // a stored record is damaged; names topic, partition and offsets. Unavailable: the broker cannot
  // be reached now.
  virtual Result<std::vector<Chunk>> poll(const PollLimits& limits) = 0;

  // The ranges as the broker last told, new partitions included; refreshed at most every second.
  virtual Result<std::vector<OffsetRange>> ranges() = 0;

  // Adds a partition (one that appeared later) or moves one.
  virtual Result<void> seek(Partition partition, Offset next) = 0;
};

// Appends to a topic. One thread at a time.
class Writer {
 public:
  virtual ~Writer() = default;
  // Takes the record into a bounded buffer; waits for room. No partition: by hash of the key
  // (Kafka's murmur2), round
  // robin without a key.
  virtual Result<void> append(Record record, std::optional<Partition> partition = {}) = 0;
  // Returns when all appended records are durable (acks=all, fsync), or with the first failure.
  virtual Result<void> flush() = 0;
};

struct TopicOptions {
  int32_t partitions = 4;
  std::map<std::string, std::string> config = {};  // retention.ms and other topic settings of Kafka
};

// A broker. Any thread.
class Topics {
 public:
  virtual ~Topics() = default;
  virtual Result<std::vector<std::string>> list() = 0;  // sorted; internal topics left out
  // NotFound, naming the nearest topic
  virtual Result<TopicInfo> describe(const std::string& topic) = 0;
  // Conflict if there
  virtual Result<void> create(const std::string& topic, const TopicOptions& options) = 0;
  virtual Result<void> remove(const std::string& topic) = 0;
  virtual Result<std::unique_ptr<Reader>> read(const std::string& topic,
                                               const std::map<Partition, Offset>& from) = 0;
  virtual Result<std::unique_ptr<Writer>> write(const std::string& topic) = 0;
  // The last record of each partition that has one (a source finds there where it was).
  virtual Result<std::map<Partition, Record>> last_records(const std::string& topic) = 0;
  // The first offset in each partition whose record's timestamp is >= the given one; the end where
  // there is none.
  virtual Result<std::map<Partition, Offset>> offsets_at(const std::string& topic,
                                                         int64_t timestamp_ms) = 0;
  // Tells lag tools how far a flow is; no flow reads it back. Waits a little for a broker that was
  // just started and has not loaded its groups yet.
  virtual Result<void> publish_offsets(const std::string& group, const std::string& topic,
                                       const std::map<Partition, Offset>& next) = 0;
  // What was published for the group; partitions without are left out.
  virtual Result<std::map<Partition, Offset>> group_offsets(const std::string& group,
                                                            const std::string& topic) = 0;
  // For messages: "embedded log at DIR", "Kafka at HOST:PORT".
  virtual std::string name() const = 0;
};

// bootstrap "embedded": the embedded log in `directory`. Else Kafka at that address, with how to
// log in and the client's settings (dotted names) from `config`; docs/kafka.md has the names.
// Invalid, Unsupported: a setting that cannot be, or a login that the broker refuses. Unavailable:
// no broker answers within 10 s. No message shows a password.
Result<std::unique_ptr<Topics>> open(const std::string& bootstrap, const std::string& directory,
                                     const std::map<std::string, std::string>& config,
                                     const io::Clock& clock);

// `config` with the paths of certificates and keys in it, where relative, taken from `directory`.
std::map<std::string, std::string> kafka_paths_in(const std::string& directory,
                                                  std::map<std::string, std::string> config);

// Two layers of settings as one: what `over` says, in whichever words, goes over `under`. Where it
// names a profile, that of `under` is gone; where it names a protocol, so are the login and the
// certificates of `under` for which this protocol has no use. Invalid, Unsupported: see open().
Result<std::map<std::string, std::string>> kafka_settings_over(
    std::map<std::string, std::string> under, const std::map<std::string, std::string>& over);

}  // namespace ticklake::broker
