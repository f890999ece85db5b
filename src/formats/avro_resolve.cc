#include "formats/avro_resolve.h"

#include <fmt/format.h>

#include <algorithm>

namespace ticklake::formats {
namespace {

using Form = AvroNode::Form;
using Logical = AvroNode::Logical;
using Op = AvroAction::Op;

constexpr int kActionsMax = 100'000;

AvroAction failing(std::string reason) {
  AvroAction out;
  out.op = Op::Fail;
  out.reason = std::move(reason);
  return out;
}

std::string short_name(const std::string& full) { return full.substr(full.rfind('.') + 1); }

bool same_name(const AvroNode& writer, const AvroNode& reader) {
  if (writer.name == reader.name || short_name(writer.name) == short_name(reader.name)) return true;
  return std::ranges::any_of(reader.aliases, [&](const std::string& alias) {
    return alias == writer.name || alias == short_name(writer.name);
  });
}

std::string described(const AvroNode& node) {
  return node.name.empty() ? std::string(to_string(node.form)) : node.name;
}

bool is_number(Form form) { return form >= Form::Int && form <= Form::Double; }
bool is_bytes(Form form) { return form == Form::Bytes || form == Form::String; }

bool is_millis(Logical logical) {
  return logical == Logical::TimestampMillis || logical == Logical::LocalMillis;
}
bool is_micros(Logical logical) {
  return logical == Logical::TimestampMicros || logical == Logical::LocalMicros;
}

// Whether a branch of a union may hold what was written, by its form alone.
bool may_hold(const AvroNode& writer, const AvroNode& branch) {
  if (is_number(writer.form)) {
    return is_number(branch.form) && branch.form >= writer.form;
  }
  if (is_bytes(writer.form)) return is_bytes(branch.form);
  return writer.form == branch.form;
}

// The least bytes that a value takes.
int64_t fewest_bytes(const AvroNode& node) {
  switch (node.form) {
    case Form::Null: return 0;
    case Form::Float: return 4;
    case Form::Double: return 8;
    case Form::Fixed: return node.size;
    case Form::Record: {
      int64_t sum = 0;
      for (const AvroField& field : node.fields) {
        sum += fewest_bytes(*field.node);
        if (sum > 0) break;  // more than none is all that matters
      }
      return sum;
    }
    default: return 1;
  }
}

class Resolver {
 public:
  Result<AvroAction> resolve(const AvroNode& writer, const AvroNode& reader);

 private:
  Result<AvroAction> from_union(const AvroNode& writer, const AvroNode& reader);
  Result<AvroAction> to_union(const AvroNode& writer, const AvroNode& reader);
  Result<AvroAction> records(const AvroNode& writer, const AvroNode& reader);
  static AvroAction number(const AvroNode& writer, const AvroNode& reader);
  static AvroAction bytes(const AvroNode& writer, const AvroNode& reader);
  static AvroAction symbols(const AvroNode& writer, const AvroNode& reader);

  int actions_ = 0;
};

AvroAction Resolver::number(const AvroNode& writer, const AvroNode& reader) {
  AvroAction out;
  if (writer.form == Form::Float) out.op = Op::Float;
  if (writer.form == Form::Double) out.op = Op::Double;
  if (out.op != Op::Null) return out;
  out.op = Op::Integer;
  out.int_only = writer.form == Form::Int;
  // The reader says what the number means, the writer its unit.
  bool time = is_millis(reader.logical) || is_micros(reader.logical);
  bool told = is_millis(writer.logical) || is_micros(writer.logical);
  if (time && is_millis(told ? writer.logical : reader.logical)) out.scale = 1000;
  return out;
}

AvroAction Resolver::bytes(const AvroNode& writer, const AvroNode& reader) {
  AvroAction out;
  bool fixed = writer.form == Form::Fixed;
  out.size = writer.size;
  out.op = fixed ? Op::Fixed : Op::Bytes;
  if (reader.logical != Logical::Decimal) return out;
  if (writer.logical == Logical::Decimal && writer.scale != reader.scale) {
    return failing(fmt::format("a decimal of scale {} was written where {} is read", writer.scale,
                               reader.scale));
  }
  out.op = fixed ? Op::DecimalFixed : Op::DecimalBytes;
  return out;
}

AvroAction Resolver::symbols(const AvroNode& writer, const AvroNode& reader) {
  AvroAction out;
  out.op = Op::Symbol;
  for (const std::string& symbol : writer.symbols) {
    bool known = std::ranges::find(reader.symbols, symbol) != reader.symbols.end();
    out.known.push_back(known || reader.symbol_default.has_value());
    out.texts.push_back(known ? symbol : reader.symbol_default.value_or(symbol));
  }
  return out;
}

Result<AvroAction> Resolver::records(const AvroNode& writer, const AvroNode& reader) {
  AvroAction out;
  out.op = Op::Record;
  std::vector<bool> filled(reader.fields.size(), false);
  // Names before aliases: a field that has the name is the one that is meant.
  std::vector<int> targets(writer.fields.size(), -1);
  for (bool by_alias : {false, true}) {
    for (size_t i = 0; i < writer.fields.size(); ++i) {
      for (size_t j = 0; j < reader.fields.size() && targets[i] < 0; ++j) {
        const std::string& name = writer.fields[i].name;
        const AvroField& field = reader.fields[j];
        bool match = by_alias ? std::ranges::find(field.aliases, name) != field.aliases.end()
                              : field.name == name;
        if (!match || filled[j]) continue;
        targets[i] = static_cast<int>(j);
        filled[j] = true;
      }
    }
  }
  for (size_t i = 0; i < writer.fields.size(); ++i) {
    const AvroNode& written = *writer.fields[i].node;
    const AvroNode& read =
        targets[i] < 0 ? written : *reader.fields[static_cast<size_t>(targets[i])].node;
    AvroAction part = TRY(resolve(written, read));
    if (part.op == Op::Fail) part.reason = writer.fields[i].name + ": " + part.reason;
    out.parts.push_back(std::move(part));
  }
  out.targets = std::move(targets);
  for (size_t j = 0; j < reader.fields.size(); ++j) {
    if (filled[j]) continue;
    const AvroField& field = reader.fields[j];
    if (!field.default_bytes) {
      return failing(
          fmt::format("{}: it was not written and has {}", field.name, field.no_default()));
    }
    AvroAction fill = TRY(resolve(*field.node, *field.node));
    out.fills.push_back({static_cast<int>(j), *field.default_bytes, {std::move(fill)}});
  }
  return out;
}

Result<AvroAction> Resolver::from_union(const AvroNode& writer, const AvroNode& reader) {
  AvroAction out;
  out.op = Op::Union;
  for (size_t i = 0; i < writer.parts.size(); ++i) {
    // The same union: its own branch, so that members stay apart.
    bool same = &writer == &reader;
    AvroAction part;
    if (same) {
      UnionShape shape = shape_of(reader);
      part = TRY(resolve(*writer.parts[i], *reader.parts[i]));
      auto at = std::ranges::find(shape.branches, i);
      if (shape.kind == UnionShape::Kind::Members && at != shape.branches.end()) {
        part.member = static_cast<int>(at - shape.branches.begin());
      }
    } else {
      part = TRY(resolve(*writer.parts[i], reader));
    }
    out.parts.push_back(std::move(part));
  }
  return out;
}

Result<AvroAction> Resolver::to_union(const AvroNode& writer, const AvroNode& reader) {
  size_t chosen = reader.parts.size();
  auto choose = [&](auto&& fits) {
    for (size_t i = 0; i < reader.parts.size() && chosen == reader.parts.size(); ++i) {
      if (fits(*reader.parts[i])) chosen = i;
    }
  };
  choose([&](const AvroNode& branch) {
    return branch.form == writer.form && (writer.name.empty() || branch.name == writer.name);
  });
  choose([&](const AvroNode& branch) {
    return branch.form == writer.form && (writer.name.empty() || same_name(writer, branch));
  });
  // What has a name is not taken for another thing that happens to have its shape.
  choose([&](const AvroNode& branch) {
    return may_hold(writer, branch) && (writer.name.empty() || branch.name.empty());
  });
  if (chosen == reader.parts.size()) {
    return failing(
        fmt::format("{} was written, which no branch of the union can be", described(writer)));
  }
  AvroAction out = TRY(resolve(writer, *reader.parts[chosen]));
  UnionShape shape = shape_of(reader);
  auto at = std::ranges::find(shape.branches, chosen);
  if (shape.kind == UnionShape::Kind::Members && at != shape.branches.end()) {
    out.member = static_cast<int>(at - shape.branches.begin());
  }
  return out;
}

Result<AvroAction> Resolver::resolve(const AvroNode& writer, const AvroNode& reader) {
  if (++actions_ > kActionsMax) {
    return Error{Code::Unsupported,
                 fmt::format("Avro schema: reading it takes more than {} steps", kActionsMax)};
  }
  if (writer.form == Form::Union) return from_union(writer, reader);
  if (reader.form == Form::Union) return to_union(writer, reader);
  auto mismatch = [&] {
    return failing(
        fmt::format("{} was written where {} is read", described(writer), described(reader)));
  };
  if (!may_hold(writer, reader)) return mismatch();
  AvroAction out;
  switch (writer.form) {
    case Form::Null: return out;
    case Form::Boolean: out.op = Op::Boolean; return out;
    case Form::Int:
    case Form::Long:
    case Form::Float:
    case Form::Double: return number(writer, reader);
    case Form::Bytes:
    case Form::String: return bytes(writer, reader);
    case Form::Fixed:
      if (writer.size != reader.size) {
        return failing(
            fmt::format("{} bytes were written where {} are read", writer.size, reader.size));
      }
      return bytes(writer, reader);
    case Form::Enum: return symbols(writer, reader);
    case Form::Record: return records(writer, reader);
    case Form::Array:
    case Form::Map:
      out.op = writer.form == Form::Array ? Op::Array : Op::Map;
      out.size = fewest_bytes(*writer.parts[0]) + (writer.form == Form::Map ? 1 : 0);
      out.parts.push_back(TRY(resolve(*writer.parts[0], *reader.parts[0])));
      return out;
    case Form::Union: break;
  }
  return mismatch();
}

}  // namespace

Result<AvroAction> resolved(const AvroNode& writer, const AvroNode& reader) {
  return Resolver().resolve(writer, reader);
}

}  // namespace ticklake::formats
