// Invariant: the rows that follow from a key's events are the same before and after, whatever comes
// later than all that were folded. So who reads the table of events need not know.
#include "change_fold.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "change_sql.h"
#include "partition_tag.h"
#include "row_edits.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

constexpr const char* kProperty = "pipelines.cdc.tombstoneGCThresholdInSeconds";
constexpr const char* kFoldedTag = "ticklake.folded";

struct Parts {
  NumberedFiles old_files, recent;
  int64_t folded = 0, fresh = 0;  // rows of old files
};

Result<Parts> parts_of(const delta::Snapshot& events, int64_t before_ms) {
  Parts out{.old_files = {events, {}}, .recent = {events, {}}};
  for (auto& file : events.files()) {
    if (file.modified_ms > before_ms) {
      out.recent.files.push_back(std::move(file));
      continue;
    }
    (file.tags.contains(kFoldedTag) ? out.folded : out.fresh) += TRY(rows_told_by(file));
    out.old_files.files.push_back(std::move(file));
  }
  return out;
}

}  // namespace

Result<std::optional<int64_t>> events_kept_ms(
    const std::map<std::string, std::string>& properties) {
  auto found = properties.find(kProperty);
  if (found == properties.end()) return std::optional<int64_t>();
  constexpr int64_t kSecondsMax = int64_t{1} << 40;
  const std::string& text = found->second;
  int64_t seconds = -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || seconds < 0 || seconds > kSecondsMax) {
    return Error{Code::Invalid,
                 fmt::format("'{}' = '{}': write a number of seconds, as in '172800'", kProperty,
                             printable(text, 60))};
  }
  return std::optional(seconds * 1000);
}

Result<std::optional<delta::Snapshot>> fold(io::FileStore& files, const io::Clock& clock,
                                            query::Database& database,
                                            const sql::ChangeRules& rules,
                                            const delta::Snapshot& events,
                                            const FoldOptions& options) {
  std::optional<delta::Snapshot> none;
  Parts parts = TRY(parts_of(events, options.before_ms));
  // So each event is written anew a few times, however long the table lives.
  if (parts.fresh == 0 || parts.fresh < parts.folded) return none;
  int64_t count = (parts.fresh + parts.folded) / options.rows_per_part_max + 1;
  delta::Transaction transaction{.operation = "FOLD"};
  delta::WriteOptions how;
  how.tags[kFoldedTag] = "1";
  for (int64_t part = 0; part < count; ++part) {
    query::Request request{.sql = fold_sql(rules, part, count), .output = events.schema()};
    request.inputs[std::string(kEventsInput)] = parts.old_files.input(files, "", "");
    request.inputs[std::string(kRecentInput)] = parts.recent.input(files, "", "");
    if (rules.truncates) {
      request.inputs[std::string(kTruncatesInput)] =
          query::snapshot_input(files, events, truncate_conditions());
    }
    auto statement = TRY(database.prepare(std::move(request)));
    auto answer = TRY(statement->run({}));
    for (auto& added : TRY(delta::write(files, clock, events, answer.batches, how))) {
      added.data_change = false;
      transaction.adds.push_back(std::move(added));
    }
  }
  for (const auto& file : parts.old_files.files) {
    transaction.removes.push_back(
        {.path = file.path, .deleted_ms = clock.now_ms(), .data_change = false});
  }
  auto committed = delta::commit(files, clock, events, std::move(transaction));
  if (!committed && committed.error().code == Code::Conflict) return none;
  return std::optional(TRY(std::move(committed)));
}

}  // namespace ticklake::engine
