// Columns that a table gains, and types that grow: "Type Widening".
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "delta/change.h"
#include "delta/json.h"
#include "delta/state.h"

namespace ticklake::delta {
namespace {

constexpr const char* kTypeChanges = "delta.typeChanges";

// Digits of a whole number's decimal.
int whole_digits(Kind kind) { return kind == Kind::Long ? 20 : 10; }

bool is_small_integer(Kind kind) {
  return kind == Kind::Byte || kind == Kind::Short || kind == Kind::Integer;
}

bool widens_to_decimal(const Type& from, const Type& to) {
  int digits = to.precision - to.scale;
  if (from.kind == Kind::Decimal) {
    return to.scale >= from.scale && digits >= from.precision - from.scale;
  }
  bool whole = is_small_integer(from.kind) || from.kind == Kind::Long;
  return whole && digits >= whole_digits(from.kind);
}

Json delta_type(const Type& type) {
  Json schema = Json::parse(to_delta_json(Schema{{{"a", type}}}));
  return schema["fields"][0]["type"];
}

Error refused(const Snapshot& snapshot, Code code, std::string what) {
  return Error{code, fmt::format("{}: {}", snapshot.root(), what)};
}

// The column with the wider type, and a note of what it was.
Result<Field> widened(const Snapshot& snapshot, const Field& stored, const Field& wanted) {
  std::string change =
      fmt::format("column {} from {} to {}", stored.name, to_sql(stored.type), to_sql(wanted.type));
  if (!widens(stored.type, wanted.type)) {
    return refused(snapshot, Code::Invalid,
                   fmt::format("{} is no widening, so the files that are there could not be read; "
                               "write the rows into another table with a CAST",
                               change));
  }
  if (!config_flag(snapshot.metadata(), "delta.enableTypeWidening")) {
    return refused(snapshot, Code::Unsupported,
                   fmt::format("{} takes type widening, which is off; turn it on first: ALTER "
                               "TABLE .. SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')",
                               change));
  }
  Field out = stored;
  out.type = wanted.type;
  Json metadata = Json::parse(stored.metadata.empty() ? "{}" : stored.metadata, nullptr, false);
  if (!metadata.is_object()) metadata = Json::object();
  metadata[kTypeChanges].push_back(
      {{"fromType", delta_type(stored.type)}, {"toType", delta_type(wanted.type)}});
  out.metadata = metadata.dump();
  return out;
}

}  // namespace

bool widens(const Type& from, const Type& to) {
  if (from == to) return false;
  switch (to.kind) {
    case Kind::Short: return from.kind == Kind::Byte;
    case Kind::Integer: return from.kind == Kind::Byte || from.kind == Kind::Short;
    case Kind::Long: return is_small_integer(from.kind);
    case Kind::Double: return from.kind == Kind::Float || is_small_integer(from.kind);
    case Kind::Decimal: return widens_to_decimal(from, to);
    case Kind::TimestampNtz: return from.kind == Kind::Date;
    default: return false;
  }
}

Result<Metadata> with_columns(const Snapshot& snapshot, const std::vector<Field>& fields) {
  Metadata out = snapshot.metadata();
  out.schema.fields.clear();
  for (const Field& wanted : fields) {
    int at = snapshot.schema().find(wanted.name);
    if (at < 0) {
      Field added = wanted;
      added.nullable = true;
      out.schema.fields.push_back(std::move(added));
      continue;
    }
    const Field& stored = snapshot.schema().fields[static_cast<size_t>(at)];
    out.schema.fields.push_back(
        stored.type == wanted.type ? stored : TRY(widened(snapshot, stored, wanted)));
  }
  for (const Field& stored : snapshot.schema().fields) {
    if (out.schema.find(stored.name) >= 0) continue;
    return refused(snapshot, Code::Invalid,
                   fmt::format("column {} cannot be taken away; make the table anew to be without "
                               "it",
                               stored.name));
  }
  return out;
}

Snapshot with_metadata(const Snapshot& snapshot, Metadata metadata) {
  State state = snapshot.state();
  state.metadata = std::make_shared<const Metadata>(std::move(metadata));
  return to_snapshot(std::move(state));
}

}  // namespace ticklake::delta
