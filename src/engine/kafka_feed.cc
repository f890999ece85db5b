// Invariant: next_ of a partition is the offset after all rows gathered; what take() gave ends at
// the progress that it names. Each row of a partition comes once, in offset order.
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/time.h"
#include "feed.h"
#include "limits.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

// A partition is idle when this many batches in a row found it at its end without rows.
constexpr int kIdleBatches = 3;
constexpr int64_t kPublishEveryUs = 5 * kMicrosPerSecond;
constexpr int kPollsPerGatherMax = 64;

struct PartitionState {
  Offset next;
  std::optional<Offset> target;  // --once: where to stop
  int empty_batches = 0;
};

using Partitions = std::map<Partition, PartitionState>;

class KafkaFeed final : public Feed {
 public:
  KafkaFeed(std::shared_ptr<broker::Topics> topics, const io::Clock& clock,
            KafkaFeedOptions options, broker::TopicInfo info, SourceProgress source,
            Partitions partitions, std::unique_ptr<broker::Reader> reader, bool must_commit)
      : topics_(std::move(topics)),
        clock_(clock),
        options_(std::move(options)),
        info_(std::move(info)),
        source_(std::move(source)),
        partitions_(std::move(partitions)),
        reader_(std::move(reader)),
        ranges_(info_.partitions),
        must_commit_(must_commit) {}

  Result<void> gather() override;
  int64_t pending_rows() const override { return pending_rows_; }
  bool must_commit() const override { return must_commit_; }
  bool full() const override {
    return pending_rows_ >= (options_.rows_max + 1) / 2 ||
           pending_bytes_ >= kKafkaBatchBytesMax / 2;
  }
  bool at_end(bool upstream_done) const override;
  FeedBatch take() override;
  void committed() override;
  std::optional<int64_t> lag_rows() const override;
  bool covered(const FeedPiece& piece, int64_t row, const Progress& stored) const override;
  std::string describe(const FeedPiece& piece, int64_t row) const override;

 private:
  std::string app_id(Partition partition) const {
    return source_.prefix() + std::to_string(partition.value);
  }
  Result<void> pick_up_new_partitions();
  void keep(broker::Chunk chunk);
  static BatchPtr before(const BatchPtr& rows, Offset end);

  std::shared_ptr<broker::Topics> topics_;
  const io::Clock& clock_;
  KafkaFeedOptions options_;
  broker::TopicInfo info_;
  SourceProgress source_;
  Partitions partitions_;
  std::unique_ptr<broker::Reader> reader_;
  std::vector<broker::OffsetRange> ranges_;
  std::map<Partition, std::vector<BatchPtr>> pending_;
  int64_t pending_rows_ = 0;
  int64_t pending_bytes_ = 0;
  bool must_commit_ = false;
  std::map<Partition, Offset> taken_;
  int64_t published_us_ = 0;
};

Result<void> KafkaFeed::pick_up_new_partitions() {
  ranges_ = TRY(reader_->ranges());
  for (size_t i = partitions_.size(); i < ranges_.size(); ++i) {
    Partition partition(static_cast<int32_t>(i));
    TRY(reader_->seek(partition, ranges_[i].begin));
    PartitionState state{.next = ranges_[i].begin, .target = {}, .empty_batches = 0};
    if (options_.once) state.target = state.next;
    partitions_[partition] = state;
  }
  return {};
}

// The rows whose offsets are below `end`: a chunk may run past the target of --once.
BatchPtr KafkaFeed::before(const BatchPtr& rows, Offset end) {
  auto offsets = rows->GetColumnByName("offset");
  int64_t count = rows->num_rows();
  while (count > 0 && number_at(*offsets, count - 1).value_or(0) >= end.value) --count;
  return rows->Slice(0, count);
}

void KafkaFeed::keep(broker::Chunk chunk) {
  auto& state = partitions_[chunk.partition];
  BatchPtr rows = chunk.rows;
  Offset next = chunk.next;
  if (state.target && next > *state.target) {
    if (state.next >= *state.target) return;
    rows = before(rows, *state.target);
    next = *state.target;
  }
  state.next = next;
  if (!rows || rows->num_rows() == 0) return;
  pending_rows_ += rows->num_rows();
  // Rows may be slices of a shared buffer: each counts its own part.
  auto bytes = arrow::util::ReferencedBufferSize(*rows);
  pending_bytes_ += bytes.ok() ? *bytes : arrow::util::TotalBufferSize(*rows);
  pending_[chunk.partition].push_back(std::move(rows));
}

Result<void> KafkaFeed::gather() {
  TRY(pick_up_new_partitions());
  for (int polls = 0; polls < kPollsPerGatherMax && !full() && !at_end(true); ++polls) {
    broker::PollLimits limits;
    limits.headers = options_.headers;
    limits.rows_max = options_.rows_max - pending_rows_;
    limits.bytes_max = std::min(limits.bytes_max, kKafkaBatchBytesMax - pending_bytes_);
    auto chunks = reader_->poll(limits);
    if (!chunks && chunks.error().code == Code::Corrupt && !options_.fail_on_data_loss) {
      // The flow is opened anew then, at the oldest record that is left.
      return Error{Code::Unavailable, chunks.error().message};
    }
    if (!chunks) return chunks.error();
    if (chunks->empty()) break;
    for (auto& chunk : *chunks) keep(std::move(chunk));
  }
  return {};
}

bool KafkaFeed::at_end(bool) const {
  return options_.once && std::all_of(partitions_.begin(), partitions_.end(), [](auto& entry) {
           return entry.second.next >= entry.second.target.value_or(Offset::max());
         });
}

FeedBatch KafkaFeed::take() {
  FeedBatch out;
  out.independent = true;
  for (auto& [partition, state] : partitions_) {
    auto index = static_cast<size_t>(partition.value);
    bool ended = index < ranges_.size() && state.next >= ranges_[index].end;
    if (ended) out.ended.insert(partition);
    bool empty = !pending_.contains(partition);
    state.empty_batches = empty && ended ? state.empty_batches + 1 : 0;
    if (state.empty_batches >= kIdleBatches) out.idle.insert(partition);
    out.partitions.insert(partition);
    out.progress[app_id(partition)] = state.next.value;
    taken_[partition] = state.next;
  }
  for (auto& [partition, batches] : pending_) {
    for (auto& batch : batches) {
      out.pieces.push_back({.partition = partition, .rows = std::move(batch)});
    }
  }
  source_.add_name(out.progress);
  pending_.clear();
  pending_rows_ = 0;
  pending_bytes_ = 0;
  return out;
}

void KafkaFeed::committed() {
  must_commit_ = false;
  source_.committed();
  int64_t now = clock_.now_us();
  if (options_.group.empty() || (now - published_us_ < kPublishEveryUs && !at_end(true))) return;
  published_us_ = now;
  // Only lag tools look at these; the flow's own progress is in the table.
  auto ignored = topics_->publish_offsets(options_.group, options_.topic, taken_);
  static_cast<void>(ignored);
}

std::optional<int64_t> KafkaFeed::lag_rows() const {
  int64_t lag = pending_rows_;
  for (const auto& [partition, state] : partitions_) {
    auto index = static_cast<size_t>(partition.value);
    if (index < ranges_.size()) lag += std::max<int64_t>(0, ranges_[index].end - state.next);
  }
  return lag;
}

bool KafkaFeed::covered(const FeedPiece& piece, int64_t row, const Progress& stored) const {
  auto found = stored.find(app_id(piece.partition));
  if (found == stored.end()) return false;
  auto offset = number_at(*piece.rows->GetColumnByName("offset"), row);
  return offset && *offset < found->second;
}

std::string KafkaFeed::describe(const FeedPiece& piece, int64_t row) const {
  auto offset = number_at(*piece.rows->GetColumnByName("offset"), row);
  return fmt::format("topic {}, partition {}, offset {}", options_.topic, piece.partition.value,
                     offset.value_or(-1));
}

// ---- where to begin

Result<Offset> starting_offset(const KafkaFeedOptions& options, int32_t partition,
                               const broker::OffsetRange& range, const nlohmann::json& json) {
  if (equal_ignoring_case(options.starting_offsets, "earliest")) return range.begin;
  if (equal_ignoring_case(options.starting_offsets, "latest")) return range.end;
  auto topic = json.is_object() ? json.find(options.topic) : json.end();
  bool known = json.is_object() && topic != json.end() && topic->is_object();
  auto entry = known ? topic->find(std::to_string(partition)) : json.end();
  if (!known || entry == topic->end() || !entry->is_number_integer()) {
    return Error{
        Code::Invalid,
        fmt::format("read_kafka: startingOffsets is '{}'; 'earliest', 'latest' or "
                    "{{\"{}\":{{\"0\":23,\"1\":-2}}}} with all {} expected (-2 earliest, "
                    "-1 latest), and partition {} is missing",
                    printable(options.starting_offsets), options.topic, "partitions", partition)};
  }
  int64_t number = entry->get<int64_t>();
  if (number == -2) return range.begin;
  if (number == -1) return range.end;
  if (number < range.begin.value || number > range.end.value) {
    return Error{Code::Invalid,
                 fmt::format("read_kafka: startingOffsets of topic {}, partition {} is {}, but the "
                             "topic holds {} to {}",
                             options.topic, partition, number, range.begin.value, range.end.value)};
  }
  return Offset(number);
}

// Where stored progress meets what the topic still holds.
Result<Offset> resumed_offset(const KafkaFeedOptions& options, int32_t partition,
                              const broker::OffsetRange& range, Offset stored) {
  if (stored > range.end) {
    return Error{Code::Corrupt,
                 fmt::format("topic {}, partition {} ends at offset {} but {} was read before: it "
                             "lost records or was made anew; rebuild with --full-refresh",
                             options.topic, partition, range.end.value, stored.value)};
  }
  if (stored >= range.begin) return stored;
  if (!options.fail_on_data_loss) return range.begin;
  return Error{Code::Corrupt,
               fmt::format("topic {}, partition {} begins at offset {} but only what is before {} "
                           "was read: records are lost; set failOnDataLoss => false to go on, or "
                           "lengthen the topic's retention",
                           options.topic, partition, range.begin.value, stored.value)};
}

Result<Partitions> positions(const KafkaFeedOptions& options, const broker::TopicInfo& info,
                             const Progress& stored, const SourceProgress& source) {
  Partitions out;
  auto json = nlohmann::json::parse(options.starting_offsets, nullptr, false);
  for (size_t i = 0; i < info.partitions.size(); ++i) {
    auto number = static_cast<int32_t>(i);
    const auto& range = info.partitions[i];
    PartitionState state{.next = range.begin, .target = {}, .empty_batches = 0};
    auto found = stored.find(source.prefix() + std::to_string(number));
    if (found != stored.end()) {
      state.next = TRY(resumed_offset(options, number, range, Offset(found->second)));
    } else if (source.first()) {
      state.next = TRY(starting_offset(options, number, range, json));
    }
    if (options.once) state.target = range.end;
    out[Partition(number)] = state;
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Feed>> open_kafka_feed(std::shared_ptr<broker::Topics> topics,
                                              const io::Clock& clock, KafkaFeedOptions options,
                                              const Progress& stored) {
  auto info = TRY(topics->describe(options.topic));
  auto source =
      TRY(SourceProgress::open(options.place, stored, info.id, "topic " + options.topic));
  auto partitions = TRY(positions(options, info, stored, source));
  std::map<Partition, Offset> from;
  for (const auto& [partition, state] : partitions) from[partition] = state.next;
  auto reader = TRY(topics->read(options.topic, from));
  // "latest" means the end as of the first start; a restart before the first rows must not move it.
  bool must_commit = source.first() && !equal_ignoring_case(options.starting_offsets, "earliest");
  return std::unique_ptr<Feed>(new KafkaFeed(std::move(topics), clock, std::move(options),
                                             std::move(info), std::move(source),
                                             std::move(partitions), std::move(reader),
                                             must_commit));
}

}  // namespace ticklake::engine
