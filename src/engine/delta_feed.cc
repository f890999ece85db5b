// Invariant: the position (version, file) is lexicographic: the files of the first snapshot V in
// their written order are (V, 0), (V, 1), ..; then come whole versions (V + 1, 0), (V + 2, 0), ..
#include <arrow/util/byte_size.h>
#include <fmt/format.h>

#include "feed.h"
#include "flow.h"
#include "limits.h"

namespace ticklake::engine {
namespace {

constexpr int kVersionsPerGatherMax = 256;

struct Place {
  Version version;
  int64_t file = 0;
  bool snapshot = false;  // still in the first snapshot
};

class DeltaFeed final : public Feed {
 public:
  DeltaFeed(TableReader reader, Hub& hub, DeltaFeedOptions options, SourceProgress source,
            Place place, std::vector<delta::AddFile> files, bool must_commit)
      : reader_(std::move(reader)),
        hub_(hub),
        options_(std::move(options)),
        source_(std::move(source)),
        ids_(delta_progress_ids(source_.prefix())),
        place_(place),
        files_(std::move(files)),
        must_commit_(must_commit) {}

  Result<void> gather() override;
  int64_t pending_rows() const override { return pending_rows_; }
  bool must_commit() const override { return must_commit_; }
  bool full() const override {
    return pending_rows_ >= (options_.rows_max + 1) / 2 ||
           pending_bytes_ >= kDeltaBatchBytesMax / 2;
  }
  bool at_end(bool upstream_done) const override {
    return upstream_done && !place_.snapshot && place_.version > reader_.newest();
  }
  FeedBatch take() override;
  void committed() override {
    must_commit_ = false;
    source_.committed();
    if (!place_.snapshot) hub_.consumed(reader_.name(), options_.flow, place_.version);
  }
  // Known only when all versions are gathered: the log does not tell rows without being read.
  int64_t commits_skipped() const override { return reader_.skipped(); }
  std::optional<int64_t> lag_rows() const override {
    if (place_.snapshot || place_.version <= reader_.newest()) return {};
    return pending_rows_;
  }
  bool covered(const FeedPiece& piece, int64_t, const Progress& stored) const override;
  std::string describe(const FeedPiece& piece, int64_t) const override {
    return fmt::format("version {} of table {}", piece.version.value, reader_.name());
  }

 private:
  void keep(const VersionRows& rows, int64_t file);

  TableReader reader_;
  Hub& hub_;
  DeltaFeedOptions options_;
  SourceProgress source_;
  DeltaProgressIds ids_;
  Place place_;
  std::vector<delta::AddFile> files_;  // of the first snapshot
  FeedBatch pending_;
  int64_t pending_rows_ = 0;
  int64_t pending_bytes_ = 0;
  bool must_commit_ = false;
};

void DeltaFeed::keep(const VersionRows& rows, int64_t file) {
  for (const auto& piece : rows.pieces) {
    pending_.pieces.push_back(
        {.partition = piece.partition, .rows = piece.rows, .version = rows.version, .file = file});
    pending_rows_ += piece.rows->num_rows();
    // Rows may be slices of a shared buffer: each counts its own part.
    auto bytes = arrow::util::ReferencedBufferSize(*piece.rows);
    pending_bytes_ += bytes.ok() ? *bytes : arrow::util::TotalBufferSize(*piece.rows);
  }
  // A version without rows tells nothing about partitions.
  if (rows.partitions.empty()) return;
  if (rows.tells_all) pending_.partitions.clear();
  pending_.partitions.insert(rows.partitions.begin(), rows.partitions.end());
  pending_.idle = rows.idle;
  pending_.ended = rows.ended;
}

Result<void> DeltaFeed::gather() {
  if (must_commit_) return {};
  TRY(reader_.look());
  for (int i = 0; i < kVersionsPerGatherMax && !full(); ++i) {
    if (place_.snapshot) {
      if (place_.file < static_cast<int64_t>(files_.size())) {
        auto index = static_cast<size_t>(place_.file);
        auto rows = TRY(reader_.read(place_.version, {files_[index]}));
        keep(rows, place_.file);
        ++place_.file;
      } else {
        place_ = Place{place_.version + 1, 0, false};
        files_.clear();
      }
      continue;
    }
    if (place_.version > reader_.newest()) break;
    auto rows = TRY(reader_.version(place_.version));
    keep(*rows, 0);
    ++place_.version;
  }
  // Versions without rows are passed over without a commit.
  bool nothing = pending_.pieces.empty() && !place_.snapshot;
  if (nothing) hub_.consumed(reader_.name(), options_.flow, place_.version);
  return {};
}

FeedBatch DeltaFeed::take() {
  FeedBatch out = std::move(pending_);
  pending_ = {};
  pending_rows_ = 0;
  pending_bytes_ = 0;
  out.progress[ids_.version] = place_.version.value;
  out.progress[ids_.file] = place_.file;
  out.progress[ids_.snapshot] = place_.snapshot ? 1 : 0;
  source_.add_name(out.progress);
  return out;
}

bool DeltaFeed::covered(const FeedPiece& piece, int64_t, const Progress& stored) const {
  auto version = stored.find(ids_.version);
  auto file = stored.find(ids_.file);
  if (version == stored.end() || file == stored.end()) return false;
  if (piece.version.value != version->second) return piece.version.value < version->second;
  return piece.file < file->second;
}

}  // namespace

TableReader::Source streamed(const Context& context, const sql::PlanInput& input) {
  bool outside = path_of_table(input.table).has_value();
  return {.name = input.table,
          .root = context.project.table_path(input.table),
          .schema = input.schema,
          .columns = input.columns,
          .stream = input.stream,
          .clock = outside && !context.options.once ? &context.world.clock : nullptr};
}

DeltaProgressIds delta_progress_ids(const std::string& source) {
  return {source + "version", source + "file", source + "snapshot"};
}

Result<std::unique_ptr<Feed>> open_delta_feed(TableReader reader, Hub& hub,
                                              DeltaFeedOptions options, const Progress& stored) {
  auto source = TRY(
      SourceProgress::open(options.place, stored, reader.id(), "table " + reader.name()));
  auto ids = delta_progress_ids(source.prefix());
  Place place{.version = reader.newest(), .file = 0, .snapshot = true};
  auto version = stored.find(ids.version);
  bool first = version == stored.end();
  if (!first) {
    place.version = Version(version->second);
    place.file = stored.contains(ids.file) ? stored.at(ids.file) : 0;
    place.snapshot = stored.contains(ids.snapshot) && stored.at(ids.snapshot) != 0;
    if (!place.snapshot) TRY(reader.check_place(place.version));
  } else if (auto from = TRY(reader.first())) {
    place = Place{*from, 0, false};
  }
  std::vector<delta::AddFile> files;
  if (place.snapshot) {
    auto snapshot = TRY(reader.at(place.version));
    files = TableReader::in_order(snapshot.files());
    if (files.empty()) place = Place{place.version + 1, 0, false};
  }
  hub.subscribe(reader.name(), options.flow, place.snapshot ? place.version + 1 : place.version);
  bool must_commit = first && (options.record_start || reader.stream().from_latest);
  return std::unique_ptr<Feed>(new DeltaFeed(std::move(reader), hub, std::move(options),
                                             std::move(source), place, std::move(files),
                                             must_commit));
}

}  // namespace ticklake::engine
