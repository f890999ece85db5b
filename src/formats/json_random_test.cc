// Thousands of random rows, read by the decoder and by a slow reader that shares nothing with it.
#include <arrow/api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "base/time.h"
#include "formats/formats.h"

namespace ticklake::formats {
namespace {

using Json = nlohmann::ordered_json;

const char* const kDdl =
    "symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, small INT, flag BOOLEAN, "
    "day DATE, tags ARRAY<STRING>, inner STRUCT<x: INT, y: STRING>";

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  int below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }
  template <typename T>
  const T& one_of(const std::vector<T>& from) {
    return from[random_() % from.size()];
  }

  // The text of a JSON value, of any type.
  std::string value() {
    switch (below(12)) {
      case 0: return "null";
      case 1: return below(2) ? "true" : "false";
      case 2: return std::to_string(below(2'000'000) - 1'000'000);
      case 3: return std::to_string(int64_t{1} << below(63));
      case 4: return "[" + value() + ", " + value() + "]";
      case 5: return "{\"x\":" + value() + ",\"y\" : " + value() + "}";
      case 6: return "\"2026-0" + std::to_string(1 + below(9)) + "-1" + std::to_string(below(10)) +
                     one_of<std::string>({"\"", "T10:20:30Z\"", "T10:20:30.5Z\""});
      default:
        return "\"" + one_of<std::string>({"", "AAPL", "a longer text of several words", "é",
                                           "q\\\"uote", "tab\\tbed", "\\u00e9\\u0000", "\\\\"}) +
               "\"";
    }
  }

  std::string row() {
    std::vector<std::string> keys = {"symbol", "ts",  "price", "size",  "small",
                                     "flag",   "day", "tags",  "inner", "unknown"};
    if (below(3) == 0) std::shuffle(keys.begin(), keys.end(), random_);
    if (below(4) == 0) keys.resize(random_() % keys.size());
    std::string blank = one_of<std::string>({"", "", " ", "\t"});
    std::string out = "{";
    for (const std::string& key : keys) {
      if (out.size() > 1) out += "," + blank;
      out += "\"" + key + "\":" + blank + (below(3) ? fitting(key) : value());
    }
    out += "}";
    // One in ten is damaged: cut short, or a byte changed.
    if (below(10) == 0) out.resize(random_() % out.size());
    if (below(20) == 0 && !out.empty()) out[random_() % out.size()] = one_of<char>({'x', '"', ','});
    return out;
  }

 private:
  std::string fitting(const std::string& key) {
    if (key == "price") return std::to_string(below(100000)) + "." + std::to_string(below(1000));
    if (key == "size" || key == "small") return std::to_string(below(1000));
    if (key == "flag") return below(2) ? "true" : "false";
    if (key == "ts") return "\"2026-01-05T14:30:0" + std::to_string(below(10)) + ".123Z\"";
    if (key == "day") return "\"2026-01-0" + std::to_string(1 + below(9)) + "\"";
    if (key == "tags") return "[\"a\",null,\"b" + std::to_string(below(9)) + "\"]";
    if (key == "inner") return "{\"x\":" + std::to_string(below(9)) + ",\"y\":\"z\"}";
    return "\"S" + std::to_string(below(100)) + "\"";
  }

  std::mt19937 random_;
};

// What a column of the type holds, as to_json writes it; null where the value does not fit.
Json fitted(const Json& value, const Type& type) {
  switch (type.kind) {
    case Kind::String:
      return value.is_string() || value.is_null() ? value : Json(value.dump());
    case Kind::Double: return value.is_number() ? Json(value.get<double>()) : Json();
    case Kind::Long: return value.is_number_integer() ? value : Json();
    case Kind::Integer: {
      if (!value.is_number_integer()) return {};
      auto number = value.get<int64_t>();
      return number == static_cast<int32_t>(number) ? value : Json();
    }
    case Kind::Boolean: return value.is_boolean() ? value : Json();
    case Kind::Date: {
      auto days = value.is_string() ? parse_date(value.get<std::string>()) : std::nullopt;
      return days ? Json(format_date(*days)) : Json();
    }
    case Kind::Timestamp: {
      int64_t micros;
      if (value.is_number_integer()) {
        if (__builtin_mul_overflow(value.get<int64_t>(), kMicrosPerSecond, &micros)) return {};
        return format_instant(micros);
      }
      auto parsed = value.is_string() ? parse_timestamp(value.get<std::string>()) : std::nullopt;
      return parsed ? Json(format_instant(parsed->micros)) : Json();
    }
    case Kind::Array: {
      if (!value.is_array()) return {};
      Json out = Json::array();
      for (const Json& element : value) out.push_back(fitted(element, (*type.children)[0].type));
      return out;
    }
    default: {
      if (!value.is_object()) return {};
      Json out = Json::object();
      for (const Field& field : *type.children) {
        auto found = value.find(field.name);
        out[field.name] = found == value.end() ? Json() : fitted(*found, field.type);
      }
      return out;
    }
  }
}

TEST(JsonDecoder, AgreesWithASlowReader) {
  Schema schema = *parse_ddl(kDdl);
  Type all = Type::structure(schema.fields);
  Generator generator(7);
  std::vector<std::string> texts;
  for (int i = 0; i < 5000; ++i) texts.push_back(generator.row());
  std::vector<std::string_view> views(texts.begin(), texts.end());
  auto rows = *(*JsonDecoder::make(schema))->decode(views, {});
  ASSERT_TRUE(rows.batch->ValidateFull().ok());
  std::vector<bool> failed(texts.size());
  for (const auto& failure : rows.failures) failed[static_cast<size_t>(failure.row)] = true;
  int malformed = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    Json parsed = Json::parse(texts[i], nullptr, false);
    bool object = !parsed.is_discarded() && parsed.is_object();
    malformed += !object;
    Json expected = fitted(object ? parsed : Json::object(), all);
    Json got = Json::parse(*to_json(*rows.batch, schema, static_cast<int64_t>(i)));
    ASSERT_EQ(got, expected) << texts[i];
    ASSERT_TRUE(object || failed[i]) << texts[i];
  }
  EXPECT_GT(malformed, 300);
  EXPECT_LT(malformed, 1500);
}

}  // namespace
}  // namespace ticklake::formats
