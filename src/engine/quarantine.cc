// Invariants, for a batch that moves the flow's progress from a to b:
//  - the quarantine's version with the batch's bad rows is there before the table's version;
//  - the quarantine's progress q is never behind the bad rows it holds: a bad row at a place before
//    q is stored, one at or after q is not. (q may be behind the table's progress: no bad rows
//    since.)
// So whatever is read again after a crash, with whatever batch boundaries, is stored once.
#include "quarantine.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "formats/formats.h"
#include "rows.h"

namespace ticklake::engine {
namespace {

constexpr size_t kRawBytesMax = 1 << 20;

// The first of the named columns that the rows have, or nullptr.
std::shared_ptr<arrow::Array> first_of(const arrow::RecordBatch& rows,
                                       std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (auto column = rows.GetColumnByName(name)) return column;
  }
  return nullptr;
}

std::optional<std::string> text_of(const arrow::RecordBatch& rows, int64_t row,
                                   std::initializer_list<const char*> names) {
  auto column = first_of(rows, names);
  auto text = column ? text_at(*column, row) : std::nullopt;
  if (!text) return {};
  return is_utf8(*text) ? std::string(*text) : printable(*text, kRawBytesMax);
}

std::optional<int64_t> number_of(const arrow::RecordBatch& rows, int64_t row,
                                 std::initializer_list<const char*> names, arrow::Type::type type) {
  auto column = first_of(rows, names);
  if (!column || column->type_id() != type) return {};
  return number_at(*column, row);
}

// Collects rows of the quarantine's schema.
class Rows {
 public:
  Rows()
      : timestamp_(arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), arrow::default_memory_pool()) {}

  Result<void> add(const arrow::RecordBatch& input, const Schema& schema, int64_t row,
                   const BadRow& bad) {
    auto raw = bad.raw ? bad.raw : text_of(input, row, {"raw", "value", "payload"});
    if (raw && !is_utf8(*raw)) raw = printable(*raw, kRawBytesMax);
    TRY(append(raw_, raw));
    TRY(append(reason_, std::optional(bad.reason)));
    TRY(append(topic_, text_of(input, row, {"topic"})));
    auto partition = number_of(input, row, {"partition"}, arrow::Type::INT32);
    TRY_STATUS(partition ? partition_.Append(static_cast<int32_t>(*partition))
                         : partition_.AppendNull());
    auto offset = number_of(input, row, {"offset"}, arrow::Type::INT64);
    TRY_STATUS(offset ? offset_.Append(*offset) : offset_.AppendNull());
    auto time =
        number_of(input, row, {"timestamp", "kafka_ts", "kafka_timestamp"}, arrow::Type::TIMESTAMP);
    TRY_STATUS(time ? timestamp_.Append(*time) : timestamp_.AppendNull());
    std::string json = TRY(formats::to_json(input, schema, row));
    return append(row_, std::optional(std::move(json)));
  }

  Result<BatchPtr> finish(const Schema& schema) {
    arrow::ArrayVector columns(7);
    arrow::ArrayBuilder* builders[] = {&raw_,    &reason_,    &topic_, &partition_,
                                       &offset_, &timestamp_, &row_};
    for (size_t i = 0; i < columns.size(); ++i) TRY_STATUS(builders[i]->Finish(&columns[i]));
    int64_t length = columns[0]->length();
    return arrow::RecordBatch::Make(to_arrow(schema), length, std::move(columns));
  }

 private:
  static Result<void> append(arrow::StringBuilder& builder,
                             const std::optional<std::string>& text) {
    TRY_STATUS(text ? builder.Append(*text) : builder.AppendNull());
    return {};
  }

  arrow::StringBuilder raw_, reason_, topic_, row_;
  arrow::Int32Builder partition_;
  arrow::Int64Builder offset_;
  arrow::TimestampBuilder timestamp_;
};

}  // namespace

void add_reason(BadRows& rows, int64_t row, std::optional<std::string> raw, std::string reason) {
  auto [found, fresh] = rows.try_emplace(row, BadRow{raw, reason});
  if (fresh) return;
  if (!found->second.raw) found->second.raw = std::move(raw);
  found->second.reason += "; " + reason;
}

RowPlaces::RowPlaces(const std::vector<FeedPiece>& pieces) : pieces_(pieces) {
  int64_t end = 0;
  for (const auto& piece : pieces) ends_.push_back(end += piece.rows->num_rows());
}

size_t RowPlaces::piece_of(int64_t row) const {
  auto found = std::upper_bound(ends_.begin(), ends_.end(), row);
  CHECK(row >= 0 && found != ends_.end(), "a row of the batch");
  return static_cast<size_t>(found - ends_.begin());
}

RowPlaces::Place RowPlaces::find(int64_t row) const {
  size_t index = piece_of(row);
  int64_t start = index == 0 ? 0 : ends_[index - 1];
  return {&pieces_[index], row - start};
}

std::string replay_id(const Context& context, const std::string& quarantine) {
  return fmt::format("ticklake/{}/{}/replay", context.project.name, quarantine);
}

bool is_of_replay(const delta::AddFile& file, int64_t number) {
  auto tag = file.tags.find(kReplayTag);
  return tag != file.tags.end() && tag->second == std::to_string(number);
}

Result<std::optional<Version>> settle_replay(const io::Clock& clock, TableWriter& quarantine,
                                             const std::string& id, const Progress& table) {
  auto number = table.find(id);
  if (number == table.end()) return std::optional<Version>();
  delta::Transaction transaction;
  transaction.operation = "REPLAY";
  int64_t now_ms = clock.now_ms();
  for (const auto& file : quarantine.snapshot().files()) {
    if (!is_of_replay(file, number->second)) continue;
    transaction.removes.push_back({.path = file.path, .deleted_ms = now_ms});
  }
  if (transaction.removes.empty()) return std::optional<Version>();
  Version version = TRY(quarantine.commit(std::move(transaction)));
  return std::optional(version);
}

Result<Quarantine> Quarantine::open(Context& context, const Dataset& dataset, const Progress& table,
                                    Schema input_schema) {
  CHECK(dataset.quarantine.has_value(), "the table has a quarantine");
  io::Path root = context.project.table_path(*dataset.quarantine);
  auto writer = TRY(TableWriter::open(context, root, *dataset.quarantine));
  TRY(settle_replay(context.world.clock, writer, replay_id(context, *dataset.quarantine), table));
  context.hub.announce(*dataset.quarantine, writer.snapshot().version());
  return Quarantine(context, dataset, std::move(writer), std::move(input_schema));
}

std::string Quarantine::joined_prefix(const Context& context, const Dataset& dataset) {
  return fmt::format("ticklake/{}/{}/joined/", context.project.name, dataset.name);
}

JoinedVersions Quarantine::joined_with(const Feed& feed, const FeedBatch& batch,
                                       const JoinedVersions& now) const {
  JoinedVersions out;
  if (now.empty()) return out;
  Progress stored = writer_.txns();
  bool came_before = std::any_of(batch.pieces.begin(), batch.pieces.end(), [&](const auto& piece) {
    return piece.rows->num_rows() > 0 && feed.covered(piece, 0, stored);
  });
  for (const auto& [table, one] : now) {
    auto found = stored.find(joined_prefix_ + one.id);
    if (came_before && found != stored.end()) out[table] = {one.id, Version(found->second)};
  }
  return out;
}

Result<int64_t> Quarantine::store(const Feed& feed, const FeedBatch& batch, const RowPlaces& places,
                                  const BadRows& rows, const JoinedVersions& joined_with) {
  if (rows.empty()) return 0;
  Progress stored = writer_.txns();
  Rows out;
  int64_t count = 0;
  for (const auto& [number, bad] : rows) {
    auto place = places.find(number);
    if (feed.covered(*place.piece, place.row, stored)) continue;
    TRY(out.add(*place.piece->rows, input_schema_, place.row, bad));
    ++count;
  }
  if (count == 0) return 0;
  BatchPtr bad_rows = TRY(out.finish(writer_.snapshot().schema()));
  auto files = TRY(writer_.write({{Partition(0), bad_rows}}, {.all = {Partition(0)}}));
  delta::Transaction transaction;
  transaction.operation = "STREAMING UPDATE";
  transaction.adds = std::move(files);
  transaction.txns = batch.progress;
  // Where this table is ahead of the batch (killed before the table's commit), it stays ahead.
  for (auto& [id, value] : transaction.txns) {
    auto ahead = stored.find(id);
    if (batch.independent && ahead != stored.end()) value = std::max(value, ahead->second);
  }
  for (const auto& [table, one] : joined_with) {
    transaction.txns[joined_prefix_ + one.id] = one.version.value;
  }
  Version version = TRY(writer_.commit(std::move(transaction)));
  context_->hub.announce(name_, version);
  return count;
}

}  // namespace ticklake::engine
