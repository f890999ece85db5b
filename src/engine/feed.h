// Where a flow's rows come from, as bounded batches with the progress to be committed with them.
// Private to the folder.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"
#include "engine/engine.h"
#include "hub.h"
#include "io/clock.h"
#include "source_progress.h"
#include "table_reader.h"

namespace ticklake::engine {

struct Context;

// Where a row of a file is: the file's number in the stream's list, and where its record begins.
struct FileRow {
  int64_t file = 0;
  int64_t position = 0;
  int64_t line = 0;
};

// A row that is malformed in its source.
struct Undecodable {
  int64_t row;  // of the piece
  std::string raw;
  std::string reason;
};

// What is known of the rows of files.
struct FileRows {
  std::vector<FileRow> places;           // of each row
  std::vector<Undecodable> undecodable;  // by row
  int64_t dropped = 0;                   // more of them, which are no rows
};

struct FeedPiece {
  Partition partition;
  BatchPtr rows;
  Version version = {};  // of the source table, and which of its files; Delta only
  int64_t file = 0;
  std::shared_ptr<const FileRows> files = {};  // files only
};

struct FeedBatch {
  std::vector<FeedPiece> pieces;   // each partition's in its order
  std::set<Partition> partitions;  // all that are known
  std::set<Partition> idle;
  std::set<Partition> ended;  // read to their end; the idle ones are of them
  Progress progress;         // after this batch
  bool independent = false;  // each entry of the progress moves on its own (partitions do)
};

// Gathers rows until a batch is worth taking. Rows gathered but not committed are read again by a
// new feed. One thread.
class Feed {
 public:
  virtual ~Feed() = default;

  // Takes in what is there already, up to a full batch.
  virtual Result<void> gather() = 0;
  virtual int64_t pending_rows() const = 0;
  // There is progress that must be stored though no rows came with it.
  virtual bool must_commit() const = 0;
  virtual bool full() const = 0;
  // All that was there when the feed was made (for a table: all that its flow will write, told by
  // `upstream_done`) has been gathered.
  virtual bool at_end(bool upstream_done) const = 0;
  virtual FeedBatch take() = 0;
  // The progress of take() is in storage.
  virtual void committed() = 0;
  virtual std::optional<int64_t> lag_rows() const = 0;
  virtual std::optional<FileLag> file_lag() const { return {}; }
  // Versions of a table that were passed over because they change rows.
  virtual int64_t commits_skipped() const { return 0; }

  // With `stored`, a table's txns: the row's batch was in it already.
  virtual bool covered(const FeedPiece& piece, int64_t row, const Progress& stored) const = 0;
  // "topic ticks, partition 0, offset 17", for messages.
  virtual std::string describe(const FeedPiece& piece, int64_t row) const = 0;
};

// How long the rows at hand wait for more. `ended`: none will come.
int64_t until_due_us(const Feed& feed, bool ended, std::optional<int64_t> last_commit_us,
                     int64_t pace_us, int64_t now_us);

struct KafkaFeedOptions {
  std::string topic;
  std::string starting_offsets;  // "earliest", "latest" or Spark's JSON
  bool fail_on_data_loss = true;
  int64_t rows_max = 250'000;  // of a batch
  bool headers = true;         // asked for
  bool once = false;
  ProgressPlace place;
  std::string group;          // offsets are published to
};

// What read_kafka's arguments say. Invalid or Unsupported: an unknown option (with the nearest).
struct KafkaArguments {
  std::string bootstrap;
  std::map<std::string, std::string> config;  // the broker client's, dotted names
  std::string topic;
  std::string starting_offsets = "latest";
  bool fail_on_data_loss = true;
  std::optional<int64_t> rows_max;
};
Result<KafkaArguments> kafka_arguments(const std::map<std::string, std::string>& arguments);

// `stored` are the flow's txns. Corrupt: the topic was made anew, or offsets are lost.
Result<std::unique_ptr<Feed>> open_kafka_feed(std::shared_ptr<broker::Topics> topics,
                                              const io::Clock& clock, KafkaFeedOptions options,
                                              const Progress& stored);

// How a flow streams from a table.
TableReader::Source streamed(const Context& context, const sql::PlanInput& input);

struct DeltaFeedOptions {
  std::string flow;  // that consumes
  int64_t rows_max = 250'000;
  ProgressPlace place;
  // Where to begin is to be stored before anything is read, so that after a failure the same
  // snapshot is read again, whatever the source has become.
  bool record_start = false;
};

// First the table as it stands, file by file, then version by version.
Result<std::unique_ptr<Feed>> open_delta_feed(TableReader reader, Hub& hub,
                                              DeltaFeedOptions options, const Progress& stored);

// App ids of a Delta source's progress; `source`: see SourceProgress::prefix().
struct DeltaProgressIds {
  std::string version, file, snapshot;
};
DeltaProgressIds delta_progress_ids(const std::string& source);

}  // namespace ticklake::engine
