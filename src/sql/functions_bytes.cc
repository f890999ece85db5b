// Bytes and bits: hashes, encodings, shifts.
#include "base/text.h"
#include "sql/functions.h"
#include "sql/interval.h"

namespace ticklake::sql {
namespace {

// The function of ours for values of one type: "ticklake_xx_" and what it takes.
struct Hash {
  std::string prefix;
  Type result;
};

std::string hashed(const Hash& hash, const std::string& value, const Type& type,
                   const std::string& seed);

// NULL leaves the seed as it is.
std::string plain_hash(const Hash& hash, const char* function, const std::string& value,
                       const std::string& seed) {
  return bound(seed, "h_", "COALESCE(" + hash.prefix + function + "(" + value + ", h_), h_)");
}

std::string array_hash(const Hash& hash, const std::string& value, const Type& element,
                       const std::string& seed) {
  std::string none = typed_null(element);
  std::string body = hashed(hash, "struct_extract(q_, 'x')", element, "struct_extract(p_, 'h')");
  return filled(
      "struct_extract(list_reduce(list_prepend(struct_pack(h := {0}, x := {1}), "
      "list_transform(COALESCE({2}, []), lambda e_: struct_pack(h := {3}, x := e_))), lambda p_, "
      "q_: struct_pack(h := {4}, x := {1})), 'h')",
      {seed, none, value, typed_null(hash.result), body});
}

std::string struct_hash(const Hash& hash, const std::string& value, const Type& type,
                        const std::string& seed) {
  std::string out = "h_";
  for (const Field& field : *type.children) {
    out = hashed(hash, "struct_extract(" + value + ", " + quoted_text(field.name) + ")", field.type,
                 out);
  }
  return bound(seed, "h_", "CASE WHEN " + value + " IS NULL THEN h_ ELSE " + out + " END");
}

std::string hashed(const Hash& hash, const std::string& value, const Type& type,
                   const std::string& seed) {
  switch (type.kind) {
    case Kind::Null: return seed;
    case Kind::Date:
      return plain_hash(hash, "int", "CAST(" + value + " - DATE '1970-01-01' AS INTEGER)", seed);
    case Kind::Boolean:
    case Kind::Byte:
    case Kind::Short:
    case Kind::Integer: return plain_hash(hash, "int", cast_text(value, Kind::Integer), seed);
    case Kind::Timestamp:
    case Kind::TimestampNtz: return plain_hash(hash, "long", "epoch_us(" + value + ")", seed);
    case Kind::Interval:
      return is_months(type) ? plain_hash(hash, "int", cast_text(value, Kind::Integer), seed)
                             : plain_hash(hash, "long", cast_text(value, Kind::Long), seed);
    case Kind::Long: return plain_hash(hash, "long", value, seed);
    case Kind::Float: return plain_hash(hash, "float", value, seed);
    case Kind::Double: return plain_hash(hash, "double", value, seed);
    case Kind::String: return plain_hash(hash, "text", value, seed);
    case Kind::Binary: return plain_hash(hash, "bytes", value, seed);
    case Kind::Decimal: {
      std::string digits = "replace(CAST(" + value + " AS VARCHAR), '.', '')";
      if (type.precision > 18) {
        // without zeros in front, and no sign before zero
        return plain_hash(hash, "digits", "CAST(CAST(" + digits + " AS HUGEINT) AS VARCHAR)", seed);
      }
      return plain_hash(hash, "long", cast_text(digits, Kind::Long), seed);
    }
    case Kind::Array: return array_hash(hash, value, type.children->front().type, seed);
    case Kind::Struct: return struct_hash(hash, value, type, seed);
    case Kind::Map: break;
  }
  return "";
}

bool has_map(const Type& type) {
  if (type.kind == Kind::Map) return true;
  if (!type.is_nested()) return false;
  for (const Field& field : *type.children) {
    if (has_map(field.type)) return true;
  }
  return false;
}

Result<Typed> build_hash(const CallContext& context, const Arguments& arguments) {
  bool wide = context.name == "xxhash64";
  Hash hash{wide ? "ticklake_xx_" : "ticklake_murmur_", wide ? Kind::Long : Kind::Integer};
  std::string out = cast_text("42", hash.result);
  for (const Typed& argument : arguments) {
    if (has_map(argument.type)) {
      return Error{Code::Invalid, std::string(context.name) +
                                      "() takes no MAP: equal maps may have "
                                      "their entries in another order"};
    }
    out = hashed(hash, argument.sql, argument.type, out);
  }
  return made(out, hash.result);
}

Result<Typed> build_hex(const CallContext& context, const Arguments& arguments) {
  const Typed& value = arguments[0];
  if (value.type.kind == Kind::String || value.type.kind == Kind::Binary)
    return made("hex(" + value.sql + ")", Kind::String);
  if (!value.type.is_numeric() && value.type.kind != Kind::Null) {
    return Error{Code::Invalid, std::string(context.name) +
                                    "() expects BIGINT, BINARY or STRING "
                                    "but got " +
                                    to_sql(value.type)};
  }
  Typed number = TRY(cast(value, Kind::Long));
  return made("hex(" + number.sql + ")", Kind::String, number.may_fail);
}

// What `attempt` gives, or an error where that is NULL though no argument is.
Typed or_error(const std::string& attempt, const Arguments& arguments, const Type& type,
               const std::string& message) {
  std::string tests;
  for (const Typed& argument : arguments)
    tests += (tests.empty() ? "" : " AND ") + argument.sql + " IS NOT NULL";
  return made("COALESCE(" + attempt + ", CASE WHEN " + tests + " THEN " +
                  raising(type, quoted_text(message)) + " END)",
              type, true);
}

Result<Typed> build_unbase64(const CallContext&, const Arguments& arguments) {
  return or_error("ticklake_unbase64(" + arguments[0].sql + ")", arguments, Kind::Binary,
                  "[CONVERSION_INVALID_INPUT] the text is not base64: its last part is too short");
}

Result<Typed> build_url_decode(const CallContext&, const Arguments& arguments) {
  return or_error("ticklake_url_decode(" + arguments[0].sql + ")", arguments, Kind::String,
                  "[CANNOT_DECODE_URL] the text has a '%' without two hexadecimal digits");
}

Result<Typed> build_conv(const CallContext&, const Arguments& arguments) {
  std::string call = filled("ticklake_conv({0}, {1}, {2})",
                            {arguments[0].sql, arguments[1].sql, arguments[2].sql});
  std::string overflow =
      raising(Kind::String,
              quoted_text("[ARITHMETIC_OVERFLOW] the number of conv() has more than 64 bits"));
  return made(bound(call, "c_", "CASE WHEN c_ = 'overflow' THEN " + overflow + " ELSE c_ END"),
              Kind::String, true);
}

Result<void> only_utf8(const CallContext& context, const Typed& charset) {
  bool known = charset.literal && charset.type.kind == Kind::String &&
               (equal_ignoring_case(charset.literal->text, "UTF-8") ||
                equal_ignoring_case(charset.literal->text, "UTF8"));
  if (known) return {};
  return Error{Code::Unsupported, std::string(context.name) + "() knows the character set 'UTF-8'"};
}

Result<Typed> build_encode(const CallContext& context, const Arguments& arguments) {
  TRY(only_utf8(context, arguments[1]));
  return made("encode(" + arguments[0].sql + ")", Kind::Binary);
}

Result<Typed> build_to_binary(const CallContext& context, const Arguments& arguments) {
  std::string format = "hex";
  if (arguments.size() == 2) {
    if (!arguments[1].literal)
      return Error{Code::Unsupported, "the format of " + std::string(context.name) +
                                          "() must be a literal: 'hex', 'utf-8' or 'base64'"};
    format = lowered(arguments[1].literal->text);
  }
  Arguments text = {arguments[0]};
  bool is_try = context.name == "try_to_binary";
  if (format == "utf-8" || format == "utf8")
    return made("encode(" + text[0].sql + ")", Kind::Binary);
  if (format != "hex" && format != "base64") {
    return Error{Code::Invalid,
                 "the format of " + std::string(context.name) + "() is 'hex', 'utf-8' or 'base64'"};
  }
  std::string call = "ticklake_un" + format + "(" + text[0].sql + ")";
  if (is_try) return made(call, Kind::Binary);
  return or_error(call, text, Kind::Binary,
                  "[CONVERSION_INVALID_INPUT] the text of to_binary() is not " + format);
}

Result<Typed> build_bit_count(const CallContext& context, const Arguments& arguments) {
  const Typed& value = arguments[0];
  if (value.type.kind == Kind::Boolean) return made(value.sql, Kind::Integer);
  if (!value.type.is_integral())
    return Error{Code::Invalid, std::string(context.name) +
                                    "() expects an integer or BOOLEAN but "
                                    "got " +
                                    to_sql(value.type)};
  return made("bit_count(" + cast_text(value.sql, Kind::Long) + ")", Kind::Integer);
}

int bits_of(const Type& type) {
  switch (type.kind) {
    case Kind::Byte: return 8;
    case Kind::Short: return 16;
    case Kind::Integer: return 32;
    default: return 64;
  }
}

Result<Typed> build_bit_get(const CallContext& context, const Arguments& arguments) {
  int bits = bits_of(arguments[0].type);
  std::string wrong =
      raising(Kind::Byte,
              quoted_text("[INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE] the position of " +
                          std::string(context.name) + "() is 0 to " + std::to_string(bits - 1)));
  return made(
      filled("CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN {1} < 0 OR {1} >= {2} "
             "THEN {3} ELSE CAST(ticklake_shift_right_long(CAST({0} AS BIGINT), {1}) & 1 AS "
             "TINYINT) END",
             {arguments[0].sql, arguments[1].sql, std::to_string(bits), wrong}),
      Kind::Byte, true);
}

Result<Typed> build_shift(const CallContext& context, const Arguments& arguments) {
  bool wide = arguments[0].type.kind == Kind::Long;
  Typed value = TRY(coerce(arguments[0], wide ? Kind::Long : Kind::Integer));
  std::string name = context.name == "shiftleft"    ? "ticklake_shift_left_"
                     : context.name == "shiftright" ? "ticklake_shift_right_"
                                                    : "ticklake_shift_unsigned_";
  return made(name + (wide ? "long(" : "int(") + value.sql + ", " + arguments[1].sql + ")",
              value.type);
}

Result<Typed> build_sha2(const CallContext&, const Arguments& arguments) {
  return made(filled("ticklake_sha2({0}, {1})", {arguments[0].sql, arguments[1].sql}),
              Kind::String);
}

constexpr ScalarFunction kBytes[] = {
    {"hash", "x*", "i", "", build_hash},
    {"xxhash64", "x*", "l", "", build_hash},
    {"crc32", "y", "l", "ticklake_crc32({0})"},
    {"md5", "y", "s", "md5({0})"},
    {"sha", "y", "s", "sha1({0})"},
    {"sha1", "y", "s", "sha1({0})"},
    {"sha2", "yi", "s", "", build_sha2},
    {"base64", "y", "s", "base64({0})"},
    {"unbase64", "s", "y", "", build_unbase64},
    {"hex", "x", "s", "", build_hex},
    {"unhex", "s", "y", "ticklake_unhex({0})"},
    {"bin", "l", "s", "bin({0})"},
    {"conv", "sii", "s", "", build_conv},
    {"encode", "ss", "y", "", build_encode},
    {"to_binary", "s", "y", "", build_to_binary},
    {"to_binary", "ss", "y", "", build_to_binary},
    {"try_to_binary", "s", "y", "", build_to_binary},
    {"try_to_binary", "ss", "y", "", build_to_binary},
    {"octet_length", "y", "i", "octet_length({0})"},
    {"bit_length", "y", "i", "octet_length({0}) * 8"},
    {"url_encode", "s", "s", "ticklake_url_encode({0})"},
    {"url_decode", "s", "s", "", build_url_decode},
    {"bit_count", "x", "i", "", build_bit_count},
    {"bit_get", "Ii", "0", "", build_bit_get},
    {"getbit", "Ii", "0", "", build_bit_get},
    {"shiftleft", "Ii", "0", "", build_shift},
    {"shiftright", "Ii", "0", "", build_shift},
    {"shiftrightunsigned", "Ii", "0", "", build_shift},
};

}  // namespace

std::span<const ScalarFunction> bytes_functions() { return kBytes; }

}  // namespace ticklake::sql
