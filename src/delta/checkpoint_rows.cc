#include "delta/checkpoint_rows.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <concepts>
#include <limits>

#include "model/columns.h"
#include "delta/paths.h"
#include "model/type.h"

namespace ticklake::delta {
namespace {

// One field of an action's struct as an array of the type that is expected; null where the file
// lacks it.
template <typename Array>
Result<std::shared_ptr<Array>> field_of(const arrow::StructArray& rows, const char* name,
                                        const Type& type) {
  auto found = rows.GetFieldByName(name);
  if (!found) return std::shared_ptr<Array>();
  auto array = adapted(found, type);
  if (!array) {
    return Error{Code::Corrupt, fmt::format("field \"{}\": {}", name, array.error().message)};
  }
  return std::static_pointer_cast<Array>(*std::move(array));
}

// The fields of one kind of action, by row.
class Fields {
 public:
  explicit Fields(std::shared_ptr<arrow::StructArray> rows) : rows_(std::move(rows)) {}

  struct Text {
    std::shared_ptr<arrow::StringArray> array;
    bool has(int64_t row) const { return array && array->IsValid(row); }
    std::string at(int64_t row) const { return has(row) ? array->GetString(row) : ""; }
  };
  struct Number {
    std::shared_ptr<arrow::Int64Array> array;
    std::optional<int64_t> at(int64_t row) const {
      bool has = array && array->IsValid(row);
      return has ? std::optional(array->Value(row)) : std::nullopt;
    }
  };
  struct Flag {
    std::shared_ptr<arrow::BooleanArray> array;
    bool at(int64_t row, bool otherwise) const {
      return array && array->IsValid(row) ? array->Value(row) : otherwise;
    }
  };
  struct List {
    std::shared_ptr<arrow::ListArray> array;
    std::vector<std::string> at(int64_t row) const;
  };
  struct Map {
    std::shared_ptr<arrow::MapArray> array;
    Values at(int64_t row) const;
    std::map<std::string, std::string> texts_at(int64_t row) const;
  };

  Result<Text> text(const char* name) const {
    return Text{TRY(field_of<arrow::StringArray>(*rows_, name, Kind::String))};
  }
  Result<Number> number(const char* name) const {
    return Number{TRY(field_of<arrow::Int64Array>(*rows_, name, Kind::Long))};
  }
  Result<Flag> flag(const char* name) const {
    return Flag{TRY(field_of<arrow::BooleanArray>(*rows_, name, Kind::Boolean))};
  }
  Result<List> list(const char* name) const {
    return List{TRY(field_of<arrow::ListArray>(*rows_, name, Type::array(Kind::String)))};
  }
  Result<Map> map(const char* name) const {
    Type type = Type::map(Kind::String, Kind::String);
    return Map{TRY(field_of<arrow::MapArray>(*rows_, name, type))};
  }
  std::optional<Fields> inner(const char* name) const {
    auto found = rows_->GetFieldByName(name);
    if (!found || found->type_id() != arrow::Type::STRUCT) return std::nullopt;
    return Fields(std::static_pointer_cast<arrow::StructArray>(found));
  }

  template <std::invocable<int64_t> Visit>  // Result<void> visit(int64_t row)
  Result<void> for_each(Visit&& visit) const {
    for (int64_t row = 0; row < rows_->length(); ++row) {
      if (rows_->IsValid(row)) TRY(visit(row));
    }
    return {};
  }

 private:
  std::shared_ptr<arrow::StructArray> rows_;
};

std::vector<std::string> Fields::List::at(int64_t row) const {
  std::vector<std::string> out;
  if (!array || array->IsNull(row)) return out;
  const auto& values = static_cast<const arrow::StringArray&>(*array->values());
  for (int64_t i = array->value_offset(row); i < array->value_offset(row + 1); ++i) {
    if (values.IsValid(i)) out.push_back(values.GetString(i));
  }
  return out;
}

Values Fields::Map::at(int64_t row) const {
  Values out;
  if (!array || array->IsNull(row)) return out;
  const auto& keys = static_cast<const arrow::StringArray&>(*array->keys());
  const auto& items = static_cast<const arrow::StringArray&>(*array->items());
  for (int64_t i = array->value_offset(row); i < array->value_offset(row + 1); ++i) {
    out[keys.GetString(i)] = items.IsNull(i) ? std::nullopt : std::optional(items.GetString(i));
  }
  return out;
}

std::map<std::string, std::string> Fields::Map::texts_at(int64_t row) const {
  std::map<std::string, std::string> out;
  for (auto& [key, value] : at(row)) {
    if (value) out[key] = *value;
  }
  return out;
}

Error missing(const char* name) {
  return Error{Code::Corrupt, fmt::format("\"{}\" is missing", name)};
}

// Deletion vectors, by row.
struct Vectors {
  Fields::Text storage;
  Fields::Text place;
  Fields::Number offset;
  Fields::Number size_bytes;
  Fields::Number cardinality;

  Result<std::optional<DeletionVector>> at(int64_t row) const {
    if (!storage.has(row)) return std::optional<DeletionVector>();
    DeletionVector out =
        TRY(checked_vector({storage.at(row), place.at(row), offset.at(row),
                            size_bytes.at(row).value_or(-1), cardinality.at(row).value_or(-1)}));
    return std::optional(std::move(out));
  }
};

Result<Vectors> vectors_of(const Fields& action) {
  Vectors out;
  auto inner = action.inner("deletionVector");
  if (!inner) return out;
  out.storage = TRY(inner->text("storageType"));
  out.place = TRY(inner->text("pathOrInlineDv"));
  out.offset = TRY(inner->number("offset"));
  out.size_bytes = TRY(inner->number("sizeInBytes"));
  out.cardinality = TRY(inner->number("cardinality"));
  return out;
}

Result<void> append_adds(const Fields& action, Entry& entry) {
  auto path = TRY(action.text("path"));
  auto values = TRY(action.map("partitionValues"));
  auto size = TRY(action.number("size"));
  auto modified = TRY(action.number("modificationTime"));
  auto data_change = TRY(action.flag("dataChange"));
  auto stats = TRY(action.text("stats"));
  auto tags = TRY(action.map("tags"));
  Vectors vectors = TRY(vectors_of(action));
  return action.for_each([&](int64_t row) -> Result<void> {
    if (!path.has(row)) return missing("path");
    AddFile file;
    file.path = uri_decoded(path.at(row));
    file.partition_values = values.at(row);
    file.size = size.at(row).value_or(0);
    file.modified_ms = modified.at(row).value_or(0);
    file.data_change = data_change.at(row, true);
    file.stats = stats.at(row);
    file.tags = tags.texts_at(row);
    file.deletion_vector = TRY(vectors.at(row));
    entry.adds.push_back(std::move(file));
    return {};
  });
}

Result<void> append_removes(const Fields& action, Entry& entry) {
  auto path = TRY(action.text("path"));
  auto deleted = TRY(action.number("deletionTimestamp"));
  auto data_change = TRY(action.flag("dataChange"));
  auto extended = TRY(action.flag("extendedFileMetadata"));
  auto values = TRY(action.map("partitionValues"));
  auto size = TRY(action.number("size"));
  Vectors vectors = TRY(vectors_of(action));
  return action.for_each([&](int64_t row) -> Result<void> {
    if (!path.has(row)) return missing("path");
    Tombstone gone;
    gone.path = uri_decoded(path.at(row));
    gone.deleted_ms = deleted.at(row);
    gone.data_change = data_change.at(row, true);
    gone.extended = extended.at(row, false);
    gone.partition_values = values.at(row);
    gone.size = size.at(row);
    gone.deletion_vector = TRY(vectors.at(row));
    entry.removes.push_back(std::move(gone));
    return {};
  });
}

Result<void> append_txns(const Fields& action, Entry& entry) {
  auto app_id = TRY(action.text("appId"));
  auto version = TRY(action.number("version"));
  auto updated = TRY(action.number("lastUpdated"));
  return action.for_each([&](int64_t row) -> Result<void> {
    auto value = version.at(row);
    if (!app_id.has(row) || !value) return missing("appId or version");
    entry.txns.emplace_back(app_id.at(row), Txn{*value, updated.at(row)});
    return {};
  });
}

Result<void> append_domains(const Fields& action, Entry& entry) {
  auto name = TRY(action.text("domain"));
  auto configuration = TRY(action.text("configuration"));
  auto removed = TRY(action.flag("removed"));
  return action.for_each([&](int64_t row) -> Result<void> {
    entry.domains.push_back({name.at(row), configuration.at(row), removed.at(row, false)});
    return {};
  });
}

Result<void> append_protocol(const Fields& action, Entry& entry) {
  auto reader = TRY(action.number("minReaderVersion"));
  auto writer = TRY(action.number("minWriterVersion"));
  auto readers = TRY(action.list("readerFeatures"));
  auto writers = TRY(action.list("writerFeatures"));
  auto version = [](std::optional<int64_t> value) {
    constexpr int64_t max = std::numeric_limits<int32_t>::max();
    return static_cast<int32_t>(std::clamp<int64_t>(value.value_or(max), 1, max));
  };
  return action.for_each([&](int64_t row) -> Result<void> {
    entry.protocol = Protocol{version(reader.at(row)), version(writer.at(row)), readers.at(row),
                              writers.at(row)};
    return {};
  });
}

Result<void> append_metadata(const Fields& action, Entry& entry) {
  auto id = TRY(action.text("id"));
  auto name = TRY(action.text("name"));
  auto description = TRY(action.text("description"));
  auto schema = TRY(action.text("schemaString"));
  auto partitions = TRY(action.list("partitionColumns"));
  auto created = TRY(action.number("createdTime"));
  auto configuration = TRY(action.map("configuration"));
  return action.for_each([&](int64_t row) -> Result<void> {
    if (!schema.has(row)) return missing("schemaString");
    Metadata metadata;
    metadata.id = id.at(row);
    metadata.name = name.at(row);
    metadata.description = description.at(row);
    metadata.partition_columns = partitions.at(row);
    metadata.created_ms = created.at(row).value_or(0);
    metadata.configuration = configuration.texts_at(row);
    entry.metadata = TRY(make_metadata(std::move(metadata), schema.at(row)));
    return {};
  });
}

Result<void> append_sidecars(const Fields& action, Entry& entry) {
  auto path = TRY(action.text("path"));
  return action.for_each([&](int64_t row) -> Result<void> {
    if (!path.has(row)) return missing("path");
    entry.sidecars.push_back({uri_decoded(path.at(row))});
    return {};
  });
}

}  // namespace

Result<void> append_rows(const arrow::RecordBatch& batch, Entry& entry) {
  using Append = Result<void> (*)(const Fields&, Entry&);
  constexpr std::pair<const char*, Append> kinds[] = {{"protocol", append_protocol},
                                                      {"metaData", append_metadata},
                                                      {"add", append_adds},
                                                      {"remove", append_removes},
                                                      {"txn", append_txns},
                                                      {"sidecar", append_sidecars},
                                                      {"domainMetadata", append_domains}};
  for (const auto& [name, append] : kinds) {
    auto column = batch.GetColumnByName(name);
    if (!column || column->null_count() == column->length()) continue;
    if (column->type_id() != arrow::Type::STRUCT) {
      return Error{Code::Corrupt, fmt::format("column \"{}\" is not a struct", name)};
    }
    Fields fields(std::static_pointer_cast<arrow::StructArray>(column));
    if (auto done = append(fields, entry); !done) {
      return prefixed(name, std::move(done).error());
    }
  }
  return {};
}

}  // namespace ticklake::delta
