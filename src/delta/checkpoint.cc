#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "delta/checkpoint_schema.h"
#include "delta/json.h"
#include "delta/log.h"
#include "delta/parquet_file.h"
#include "delta/paths.h"
#include "delta/replay.h"
#include "delta/rules.h"

namespace ticklake::delta {
namespace {

constexpr int64_t kRowsPerBatch = 8 << 10;  // what is held in Arrow form at a time
constexpr int64_t kRowGroupBytes = 16 << 20;
constexpr int64_t kRetentionMs = 7 * 86'400'000LL;  // of tombstones, by default

// Appends to the fields of one action's struct in their order.
class RowWriter {
 public:
  explicit RowWriter(arrow::StructBuilder& row) : row_(row) {}

  RowWriter& start() {
    field_ = 0;
    return noted(row_.Append());
  }
  RowWriter& text(const std::string& value) {
    return noted(next<arrow::StringBuilder>().Append(value));
  }
  RowWriter& text_or_null(const std::string& value) {
    auto& builder = next<arrow::StringBuilder>();
    return noted(value.empty() ? builder.AppendNull() : builder.Append(value));
  }
  RowWriter& number(std::optional<int64_t> value) {
    return noted(next<arrow::Int64Builder>().AppendOrNull(value));
  }
  RowWriter& small_number(int32_t value) {
    return noted(next<arrow::Int32Builder>().Append(value));
  }
  RowWriter& flag(bool value) { return noted(next<arrow::BooleanBuilder>().Append(value)); }

  RowWriter& list(const std::vector<std::string>& values, bool there = true) {
    auto& builder = next<arrow::ListBuilder>();
    if (!there) return noted(builder.AppendNull());
    noted(builder.Append());
    auto& texts = static_cast<arrow::StringBuilder&>(*builder.value_builder());
    for (const std::string& value : values) noted(texts.Append(value));
    return *this;
  }

  template <typename Map>  // of strings to strings or optional strings
  RowWriter& map(const Map& values, bool there = true) {
    auto& builder = next<arrow::MapBuilder>();
    if (!there) return noted(builder.AppendNull());
    noted(builder.Append());
    auto& keys = static_cast<arrow::StringBuilder&>(*builder.key_builder());
    auto& items = static_cast<arrow::StringBuilder&>(*builder.item_builder());
    for (const auto& [key, value] : values) {
      noted(keys.Append(key));
      noted(append_item(items, value));
    }
    return *this;
  }

  // "format" of the metadata.
  RowWriter& parquet_format() {
    auto& builder = next<arrow::StructBuilder>();
    noted(builder.Append());
    noted(static_cast<arrow::StringBuilder&>(*builder.field_builder(0)).Append("parquet"));
    return noted(static_cast<arrow::MapBuilder&>(*builder.field_builder(1)).Append());
  }

  RowWriter& vector(const std::optional<DeletionVector>& value) {
    auto& builder = next<arrow::StructBuilder>();
    if (!value) return noted(builder.AppendNull());
    RowWriter inner(builder);
    inner.start().text(std::string(1, value->storage)).text(value->place);
    if (value->offset) {
      inner.small_number(*value->offset);
    } else {
      inner.noted(inner.next<arrow::Int32Builder>().AppendNull());
    }
    inner.small_number(value->size_bytes).number(value->cardinality);
    return noted(inner.status_);
  }

  const arrow::Status& status() const { return status_; }

 private:
  template <typename Builder>
  Builder& next() {
    return static_cast<Builder&>(*row_.field_builder(field_++));
  }
  static arrow::Status append_item(arrow::StringBuilder& items, const std::string& value) {
    return items.Append(value);
  }
  static arrow::Status append_item(arrow::StringBuilder& items,
                                   const std::optional<std::string>& value) {
    return value ? items.Append(*value) : items.AppendNull();
  }
  RowWriter& noted(const arrow::Status& status) {
    if (status_.ok()) status_ = status;
    return *this;
  }

  arrow::StructBuilder& row_;
  int field_ = 0;
  arrow::Status status_;
};

// Rows of one kind of action on their way into the file.
class ActionColumn {
 public:
  static Result<ActionColumn> make(ParquetFile& file, Action action) {
    ActionColumn out(file, action);
    auto type = checkpoint_schema()->field(static_cast<int>(action))->type();
    TRY_STATUS(arrow::MakeBuilder(arrow::default_memory_pool(), type, &out.builder_));
    return out;
  }

  template <typename Fill>  // void fill(RowWriter&)
  Result<void> append(Fill&& fill) {
    RowWriter row(static_cast<arrow::StructBuilder&>(*builder_));
    fill(row.start());
    TRY_STATUS(row.status());
    ++rows_;
    if (builder_->length() >= kRowsPerBatch) return flush();
    return {};
  }

  Result<void> flush() {
    int64_t length = builder_->length();
    if (length == 0) return {};
    auto schema = checkpoint_schema();
    arrow::ArrayVector columns;
    for (int i = 0; i < kActions; ++i) {
      if (i == static_cast<int>(action_)) {
        columns.push_back(TRY_ARROW(builder_->Finish()));
      } else {
        columns.push_back(TRY_ARROW(arrow::MakeArrayOfNull(schema->field(i)->type(), length)));
      }
    }
    return file_.write(*arrow::RecordBatch::Make(schema, length, std::move(columns)));
  }

  int64_t rows() const { return rows_; }

 private:
  ActionColumn(ParquetFile& file, Action action) : file_(file), action_(action) {}

  ParquetFile& file_;
  Action action_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
  int64_t rows_ = 0;
};

// Writes every value of a persistent map as a row, and stops at the first error.
template <typename Map, typename Fill>  // void fill(RowWriter&, const std::string& key, value)
Result<int64_t> write_rows(ParquetFile& file, Action action, const Map& map, Fill&& fill) {
  ActionColumn column = TRY(ActionColumn::make(file, action));
  Result<void> status;
  map.for_each([&](const std::string& key, const auto& value) {
    if (status) status = column.append([&](RowWriter& row) { fill(row, key, value); });
  });
  TRY(std::move(status));
  TRY(column.flush());
  return column.rows();
}

Result<int64_t> write_head(ParquetFile& file, const State& state) {
  ActionColumn protocols = TRY(ActionColumn::make(file, Action::Protocol));
  const Protocol& protocol = *state.protocol;
  TRY(protocols.append([&](RowWriter& row) {
    row.small_number(protocol.min_reader).small_number(protocol.min_writer);
    row.list(protocol.reader_features, protocol.min_reader >= 3);
    row.list(protocol.writer_features, protocol.min_writer >= 7);
  }));
  TRY(protocols.flush());
  ActionColumn metadatas = TRY(ActionColumn::make(file, Action::Metadata));
  const Metadata& metadata = *state.metadata;
  TRY(metadatas.append([&](RowWriter& row) {
    row.text(metadata.id).text_or_null(metadata.name).text_or_null(metadata.description);
    row.parquet_format().text(to_delta_json(metadata.schema)).list(metadata.partition_columns);
    row.number(metadata.created_ms).map(metadata.configuration);
  }));
  TRY(metadatas.flush());
  return int64_t{2};
}

// Those of the base's files go through memory a batch at a time. They have row groups of their own,
// which readers pass over.
Result<int64_t> write_tombstones(io::FileStore& files, ParquetFile& file, const State& state,
                                 int64_t expired_before_ms) {
  file.end_row_group();
  ActionColumn column = TRY(ActionColumn::make(file, Action::Remove));
  auto write = [&](const Tombstone& gone) -> Result<void> {
    if (gone.deleted_ms.value_or(0) < expired_before_ms) return {};
    return column.append([&](RowWriter& row) {
      row.text(uri_encoded(gone.path)).number(gone.deleted_ms);
      row.flag(gone.data_change).flag(gone.extended);
      row.map(gone.partition_values, gone.extended).number(gone.size).vector(gone.deletion_vector);
    });
  };
  TRY(for_each_tombstone(files, state, write));
  TRY(column.flush());
  return column.rows();
}

struct Counts {
  int64_t rows = 0;
  int64_t adds = 0;
  int64_t tombstones = 0;
};

Result<Counts> write_state(io::FileStore& files, ParquetFile& file, const State& state,
                           int64_t expired_before_ms) {
  Counts counts;
  counts.rows = TRY(write_head(file, state));
  counts.rows += TRY(write_rows(file, Action::Txn, state.txns,
                                [](RowWriter& row, const std::string& app_id, const Txn& txn) {
                                  row.text(app_id).number(txn.version);
                                  row.number(txn.last_updated_ms);
                                }));
  counts.rows +=
      TRY(write_rows(file, Action::Domain, state.domains,
                     [](RowWriter& row, const std::string& name, const std::string& configuration) {
                       row.text(name).text(configuration).flag(false);
                     }));
  counts.adds = TRY(write_rows(file, Action::Add, state.files,
                               [](RowWriter& row, const std::string&, const auto& live) {
                                 const AddFile& add = *live;
                                 row.text(uri_encoded(add.path)).map(add.partition_values);
                                 row.number(add.size).number(add.modified_ms);
                                 row.flag(add.data_change).text_or_null(add.stats);
                                 row.map(add.tags, !add.tags.empty()).vector(add.deletion_vector);
                               }));
  counts.tombstones = TRY(write_tombstones(files, file, state, expired_before_ms));
  counts.rows += counts.tombstones;
  counts.rows += counts.adds;
  return counts;
}

Result<void> write_hint(io::FileStore& files, const State& state, const Counts& counts,
                        int64_t bytes) {
  // Never back to an older one: readers would go a longer way.
  auto hint = checkpoint_hint(files, state.root);
  if (hint && hint->version > state.version) return {};
  Json json = {{"version", state.version.value},
               {"size", counts.rows},
               {"sizeInBytes", bytes},
               {"numOfAddFiles", counts.adds}};
  return files.put(hint_path(state.root), dumped(json));
}

}  // namespace

std::shared_ptr<arrow::Schema> checkpoint_schema() {
  using arrow::field;
  auto text = arrow::utf8();
  auto number = arrow::int64();
  auto flag = arrow::boolean();
  auto texts = arrow::list(field("element", text));
  auto map = arrow::map(text, text);
  auto txn = arrow::struct_(
      {field("appId", text), field("version", number), field("lastUpdated", number)});
  auto vector = arrow::struct_(
      {field("storageType", text), field("pathOrInlineDv", text), field("offset", arrow::int32()),
       field("sizeInBytes", arrow::int32()), field("cardinality", number)});
  auto add =
      arrow::struct_({field("path", text), field("partitionValues", map), field("size", number),
                      field("modificationTime", number), field("dataChange", flag),
                      field("stats", text), field("tags", map), field("deletionVector", vector)});
  auto remove = arrow::struct_({field("path", text), field("deletionTimestamp", number),
                                field("dataChange", flag), field("extendedFileMetadata", flag),
                                field("partitionValues", map), field("size", number),
                                field("deletionVector", vector)});
  auto format = arrow::struct_({field("provider", text), field("options", map)});
  auto metadata = arrow::struct_({field("id", text), field("name", text),
                                  field("description", text), field("format", format),
                                  field("schemaString", text), field("partitionColumns", texts),
                                  field("createdTime", number), field("configuration", map)});
  auto protocol = arrow::struct_({field("minReaderVersion", arrow::int32()),
                                  field("minWriterVersion", arrow::int32()),
                                  field("readerFeatures", texts), field("writerFeatures", texts)});
  auto domain =
      arrow::struct_({field("domain", text), field("configuration", text), field("removed", flag)});
  // In the order of Action.
  return arrow::schema({field("txn", txn), field("add", add), field("remove", remove),
                        field("metaData", metadata), field("protocol", protocol),
                        field("domainMetadata", domain)});
}

int64_t tombstones_expire_ms(const Metadata& metadata, int64_t now_ms) {
  auto found = metadata.configuration.find("delta.deletedFileRetentionDuration");
  auto retention =
      found == metadata.configuration.end() ? std::nullopt : interval_ms(found->second);
  return now_ms - retention.value_or(kRetentionMs);
}

Result<State> checkpointed(io::FileStore& files, const io::Clock& clock, State state) {
  TRY(check_writable(state));
  io::Path path = checkpoint_path(state.root, state.version);
  ParquetFile file =
      TRY(ParquetFile::create(files, path, checkpoint_schema(), nullptr, kRowGroupBytes));
  int64_t expire_ms = tombstones_expire_ms(*state.metadata, clock.now_ms());
  Counts counts = TRY(write_state(files, file, state, expire_ms));
  auto done = file.close();
  int64_t bytes = 0;
  if (done) {
    bytes = done->size;
  } else {
    // Another writer's checkpoint of this version, or an earlier try whose hint is missing, holds
    // the same.
    auto there = files.info(path);
    if (!there) return std::move(done).error();
    bytes = there->size;
  }
  TRY(write_hint(files, state, counts, bytes));
  state.base = {state.version, {path}};
  state.base_tombstones = counts.tombstones;
  state.tombstones = {};
  state.checkpoint_version = state.version.value;
  return state;
}

Result<void> checkpoint(io::FileStore& files, const io::Clock& clock, const Snapshot& snapshot) {
  TRY(checkpointed(files, clock, snapshot.state()));
  return {};
}

}  // namespace ticklake::delta
