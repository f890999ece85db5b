#include <arrow/api.h>
#include <gtest/gtest.h>

#include <random>

#include "formats/avro_schema.h"
#include "formats/formats.h"

namespace ticklake::formats {
namespace {

struct Read {
  std::vector<std::string> values;   // as JSON of {"v": value}
  std::vector<std::string> reasons;  // "" where it is fine
};

Read read(PayloadDecoder& decoder, const Type& type, const std::vector<std::string>& payloads) {
  std::vector<std::string_view> views(payloads.begin(), payloads.end());
  auto values = decoder.decode(views, {});
  EXPECT_TRUE(values) << values.error().message;
  EXPECT_TRUE(values->array->ValidateFull().ok()) << values->array->ValidateFull().ToString();
  Read out;
  out.reasons.resize(payloads.size());
  for (const auto& failure : values->failures) {
    out.reasons[static_cast<size_t>(failure.row)] = failure.reason;
  }
  Schema schema{{{"v", type}}};
  auto batch = arrow::RecordBatch::Make(to_arrow(schema), values->array->length(), {values->array});
  for (int64_t i = 0; i < batch->num_rows(); ++i) out.values.push_back(*to_json(*batch, schema, i));
  return out;
}

Read read(const std::string& schema, const std::vector<std::string>& payloads) {
  auto parsed = parse_avro(schema);
  EXPECT_TRUE(parsed) << parsed.error().message;
  auto decoder = make_avro_decoder(*parsed);
  return read(*decoder, parsed->type, payloads);
}

// A payload written with one schema and read with another.
Read evolved(const std::string& writer, const std::string& reader, const std::string& payload) {
  auto parsed = parse_avro(reader);
  EXPECT_TRUE(parsed) << parsed.error().message;
  auto decoder = make_avro_decoder(*parsed, [&](int32_t id) -> Result<RegisteredSchema> {
    if (id != 7) return Error{Code::NotFound, "the registry has no such schema"};
    return RegisteredSchema{.text = writer};
  });
  return read(*decoder, parsed->type, {framed(7, payload)});
}

std::string number(int64_t value) {
  std::string out;
  put_long(out, value);
  return out;
}

std::string text(std::string_view value) {
  std::string out;
  put_bytes(out, value);
  return out;
}

std::string record(std::string_view fields, std::string_view name = "R") {
  return R"({"type":"record","name":")" + std::string(name) + R"(","fields":[)" +
         std::string(fields) + "]}";
}

std::string refusal(const std::string& schema) {
  auto parsed = parse_avro(schema);
  return parsed ? "" : parsed.error().message;
}

// The types are those that Spark's documentation of its Avro source lists.
TEST(Avro, SchemasHaveSparksTypes) {
  auto type = [](const std::string& schema) { return to_sql(parse_avro(schema)->type); };
  EXPECT_EQ(type("\"int\""), "INT");
  EXPECT_EQ(type("long"), "BIGINT");
  EXPECT_EQ(type(R"({"type":"int","logicalType":"date"})"), "DATE");
  EXPECT_EQ(type(R"({"type":"int","logicalType":"time-millis"})"), "INT");
  EXPECT_EQ(type(R"({"type":"long","logicalType":"time-micros"})"), "BIGINT");
  EXPECT_EQ(type(R"({"type":"long","logicalType":"timestamp-millis"})"), "TIMESTAMP");
  EXPECT_EQ(type(R"({"type":"long","logicalType":"local-timestamp-micros"})"), "TIMESTAMP_NTZ");
  EXPECT_EQ(type(R"({"type":"bytes","logicalType":"decimal","precision":9,"scale":2})"),
            "DECIMAL(9,2)");
  EXPECT_EQ(type(R"({"type":"bytes","logicalType":"decimal","precision":2,"scale":9})"), "BINARY");
  EXPECT_EQ(type(R"({"type":"string","logicalType":"uuid"})"), "STRING");
  EXPECT_EQ(type(R"({"type":"enum","name":"E","symbols":["A"]})"), "STRING");
  EXPECT_EQ(type(R"({"type":"fixed","name":"F","size":2})"), "BINARY");
  EXPECT_EQ(type(R"({"type":"map","values":["null","long"]})"), "MAP<STRING, BIGINT>");
  EXPECT_EQ(type(R"(["null",{"type":"array","items":"boolean"}])"), "ARRAY<BOOLEAN>");
  EXPECT_EQ(type(R"(["int","long"])"), "BIGINT");
  EXPECT_EQ(type(R"(["float","null","double"])"), "DOUBLE");
  EXPECT_EQ(type(R"(["null","string","int"])"), "STRUCT<member0: STRING, member1: INT>");
  EXPECT_EQ(type(record(R"({"name":"a","type":"bytes"})")), "STRUCT<a: BINARY>");
}

TEST(Avro, SchemasThatAreNoneAreRefusedWithTheReason) {
  EXPECT_NE(refusal("{").find("is not JSON"), std::string::npos);
  EXPECT_NE(refusal(R"("Tick")").find("there is no type Tick"), std::string::npos);
  EXPECT_NE(refusal(record(R"({"name":"a b","type":"int"})")).find("'a b' is no name"),
            std::string::npos);
  EXPECT_NE(refusal(record(R"({"name":"a","type":"int"},{"name":"A","type":"int"})")).find("twice"),
            std::string::npos);
  EXPECT_NE(refusal(record(R"({"name":"n","type":["null","R"]})")).find("R contains itself"),
            std::string::npos);
  EXPECT_NE(refusal(std::string(500, '[') + std::string(500, ']')).find("deep"), std::string::npos);
  std::string doubling = "\"int\"";
  for (int i = 0; i < 20; ++i) {
    std::string again = i == 0 ? "\"int\"" : "\"D" + std::to_string(i - 1) + "\"";
    doubling =
        record(R"({"name":"l","type":)" + doubling + R"(},{"name":"r","type":)" + again + "}",
               "D" + std::to_string(i));
  }
  EXPECT_EQ(refusal(doubling),
            "Avro schema: it has more than 10000 fields, those of its named types counted "
            "wherever they are used");
  EXPECT_EQ(refusal(record("")),
            "Avro schema: the record R has no fields, and a STRUCT has at least one");
  EXPECT_EQ(refusal(record(R"({"name":"n","type":["null","R"]})")),
            "Avro schema: the record R contains itself, which no SQL type can");
  std::vector<std::string> chain = {record(R"({"name":"f","type":"int"})", "R0")};
  for (size_t i = 0; i < 70; ++i) {
    chain.push_back(record(R"({"name":"f","type":"R)" + std::to_string(i) + "\"}",
                           "R" + std::to_string(i + 1)));
  }
  auto nested = parse_avro("\"R70\"", chain);
  ASSERT_FALSE(nested);
  EXPECT_EQ(nested.error().message, "Avro schema: its types are nested more than 64 deep");
}

TEST(Avro, ReferencesGiveNames) {
  std::string side = R"({"type":"enum","name":"market.Side","symbols":["BUY","SELL"]})";
  auto parsed = parse_avro(record(R"({"name":"s","type":"market.Side"})"), {side});
  ASSERT_TRUE(parsed) << parsed.error().message;
  auto got = read(*make_avro_decoder(*parsed), parsed->type, {number(1)});
  EXPECT_EQ(got.values[0], R"({"v":{"s":"SELL"}})");
}

TEST(Avro, FieldsComeAndGo) {
  std::string writer = record(
      R"({"name":"gone","type":{"type":"array","items":"string"}},{"name":"old","type":"int"},)"
      R"({"name":"n","type":"int"})");
  std::string reader =
      record(R"({"name":"n","type":"double"},{"name":"fresh","type":"string","default":"d\u00e9"},)"
             R"({"name":"new","aliases":["old"],"type":["null","long"]},)"
             R"({"name":"list","type":{"type":"array","items":"int"},"default":[1,2]})",
             "Another");
  std::string payload = number(2) + text("a") + text("b") + number(0) + number(5) + number(-3);
  auto got = evolved(writer, reader, payload);
  EXPECT_EQ(got.reasons[0], "");
  EXPECT_EQ(got.values[0], "{\"v\":{\"n\":-3.0,\"fresh\":\"d\xC3\xA9\",\"new\":5,\"list\":[1,2]}}");
  got = evolved(record(R"({"name":"a","type":"int"})"), record(R"({"name":"b","type":"int"})"),
                number(1));
  EXPECT_EQ(got.reasons[0], "malformed Avro at byte 0: b: it was not written and has no default");
  EXPECT_EQ(got.values[0], R"({"v":null})");
}

// Of what was written, defaults do not matter; of what is wanted, those that are used.
TEST(Avro, ADefaultOfAnotherTypeMattersOnlyWhereItIsNeeded) {
  std::string odd = record(R"({"name":"a","type":"int","default":"x"})");
  EXPECT_EQ(evolved(odd, record(R"({"name":"a","type":"long"})"), number(1)).values[0],
            R"({"v":{"a":1}})");
  EXPECT_EQ(evolved(odd, odd, number(1)).reasons[0], "");
  EXPECT_EQ(evolved(record(R"({"name":"b","type":"int"})"), odd, number(1)).reasons[0],
            "malformed Avro at byte 0: a: it was not written and has a default that is not of its "
            "type");
}

TEST(Avro, ValuesArePromotedOrRefused) {
  struct Case {
    std::string writer, reader, payload, value, reason;
  };
  std::string millis = R"({"type":"long","logicalType":"timestamp-millis"})";
  std::string micros = R"({"type":"long","logicalType":"timestamp-micros"})";
  std::string ab = R"({"type":"enum","name":"E","symbols":["A","B"]})";
  std::string b = R"({"type":"enum","name":"E","symbols":["B"]})";
  std::string with_default = R"({"type":"enum","name":"E","symbols":["B"],"default":"B"})";
  const Case cases[] = {
      {"\"int\"", "\"long\"", number(7), R"({"v":7})", ""},
      {"\"int\"", "\"float\"", number(7), R"({"v":7.0})", ""},
      {"\"string\"", "\"bytes\"", text("ab"), R"({"v":"YWI="})", ""},
      {"\"bytes\"", "\"string\"", text("ab"), R"({"v":"ab"})", ""},
      {"\"bytes\"", "\"string\"", text("\xFF"), R"({"v":null})",
       "malformed Avro at byte 2: invalid UTF-8"},
      {millis, micros, number(1500), R"({"v":"1970-01-01T00:00:01.500000Z"})", ""},
      {"\"long\"", millis, number(1500), R"({"v":"1970-01-01T00:00:01.500000Z"})", ""},
      {ab, with_default, number(0), R"({"v":"B"})", ""},
      {ab, b, number(0), R"({"v":null})",
       "malformed Avro at byte 1: the symbol A is unknown to the reader"},
      {"\"long\"", "\"int\"", number(1), R"({"v":null})",
       "malformed Avro at byte 0: long was written where int is read"},
      {R"(["null","int"])", "\"long\"", number(1) + number(4), R"({"v":4})", ""},
      {R"(["null","int"])", "\"long\"", number(0), R"({"v":null})",
       "malformed Avro at byte 1: null was written where long is read"},
      {"\"int\"", R"(["null","string","long"])", number(4), R"({"v":{"member0":null,"member1":4}})",
       ""},
      {"\"boolean\"", R"(["null","string"])", "\1", R"({"v":null})",
       "malformed Avro at byte 0: boolean was written, which no branch of the union can be"},
  };
  for (const Case& c : cases) {
    auto got = evolved(c.writer, c.reader, c.payload);
    EXPECT_EQ(got.values[0], c.value) << c.writer << " as " << c.reader;
    EXPECT_EQ(got.reasons[0], c.reason) << c.writer << " as " << c.reader;
  }
}

TEST(Avro, DamagedBytesAreNullWithAReasonAndHurtNoOtherRow) {
  std::string schema =
      record(R"({"name":"a","type":{"type":"array","items":{"type":"map","values":"string"}}},)"
             R"({"name":"b","type":"boolean"})");
  std::string good = number(1) + number(1) + text("k") + text("v") + number(0) + number(0) + "\1";
  auto got = read(schema, {good, good.substr(0, 5), good, good.substr(0, 8) + "\2", ""});
  std::string value = R"({"v":{"a":[{"k":"v"}],"b":true}})";
  EXPECT_EQ(got.values, (std::vector<std::string>{value, R"({"v":null})", value, R"({"v":null})",
                                                  R"({"v":null})"}));
  EXPECT_EQ(got.reasons[0], "");
  EXPECT_NE(got.reasons[1].find("bytes should follow"), std::string::npos) << got.reasons[1];
  EXPECT_NE(got.reasons[3].find("no BOOLEAN"), std::string::npos) << got.reasons[3];
  EXPECT_NE(got.reasons[4].find("ends within a number"), std::string::npos) << got.reasons[4];
}

TEST(Avro, CountsThatPromiseTooMuchAllocateNothing) {
  std::string nulls = R"({"type":"array","items":"null"})";
  auto got = read(nulls, {number(INT64_MAX) + number(0), number(3) + number(0),
                          number(INT64_MIN) + number(0), number(-2) + number(0) + number(0)});
  EXPECT_NE(got.reasons[0].find("too many items"), std::string::npos) << got.reasons[0];
  EXPECT_EQ(got.values[1], R"({"v":[null,null,null]})");
  EXPECT_NE(got.reasons[2], "");
  EXPECT_EQ(got.values[3], R"({"v":[null,null]})");
  got = read(R"({"type":"array","items":"long"})", {number(1000) + number(1)});
  EXPECT_NE(got.reasons[0].find("1000 items should follow in 1 bytes"), std::string::npos);
}

TEST(Avro, FramesAreCheckedAndWritersAskedForOnce) {
  int asked = 0;
  auto decoder = make_avro_decoder(*parse_avro("\"int\""), [&](int32_t id) {
    ++asked;
    return id == 1 ? Result<RegisteredSchema>(RegisteredSchema{.text = "\"int\""})
                   : Error{Code::NotFound, "the registry has no schema " + std::to_string(id)};
  });
  auto got =
      read(*decoder, Kind::Integer,
           {framed(1, number(5)), "abc", framed(2, "x"), framed(1, number(6)), framed(2, "x"),
            framed(1, number(1) + "x"), "\1" + framed(1, number(5)).substr(1)});
  EXPECT_EQ(got.values[0], R"({"v":5})");
  EXPECT_EQ(got.values[3], R"({"v":6})");
  EXPECT_EQ(got.reasons[1], "not framed: a zero and a schema's id should precede the payload");
  EXPECT_EQ(got.reasons[2], "the registry has no schema 2");
  EXPECT_NE(got.reasons[5].find("more bytes"), std::string::npos);
  EXPECT_NE(got.reasons[6].find("not framed"), std::string::npos);
  EXPECT_EQ(asked, 2);
  auto down = make_avro_decoder(*parse_avro("\"int\""), [](int32_t) -> Result<RegisteredSchema> {
    return Error{Code::Unavailable, "down"};
  });
  std::string payload = framed(1, number(5));
  std::string_view view = payload;
  auto failed = down->decode({&view, 1}, {});
  ASSERT_FALSE(failed);  // no row is to blame
  EXPECT_EQ(failed.error().code, Code::Unavailable);
}

TEST(Avro, ASchemaThatTakesTooManyStepsToReadIsRefused) {
  std::string writer, fields;
  for (int i = 0; i < 20; ++i) {
    writer += (i == 0 ? "[" : ",") +
              record(R"({"name":"a","type":"int"})", "n" + std::to_string(i) + ".R");
  }
  for (int i = 0; i < 6000; ++i) {
    fields += (i == 0 ? "" : ",") + (R"({"name":"f)" + std::to_string(i)) +
              R"(","type":"int","default":0})";
  }
  EXPECT_EQ(evolved(writer + "]", record(fields), number(0) + number(5)).reasons[0],
            "Avro schema: reading it takes more than 100000 steps");
}

TEST(Avro, AnIdThatComesToBeKnownIsReadFromThenOn) {
  bool known = false;
  auto decoder =
      make_avro_decoder(*parse_avro("\"int\""), [&](int32_t) -> Result<RegisteredSchema> {
        if (!known) return Error{Code::NotFound, "unknown"};
        return RegisteredSchema{.text = "\"int\""};
      });
  EXPECT_EQ(read(*decoder, Kind::Integer, {framed(1, number(5))}).reasons[0], "unknown");
  known = true;
  auto got = read(*decoder, Kind::Integer, {framed(1, number(5))});
  EXPECT_EQ(got.reasons[0], "");
  EXPECT_EQ(got.values[0], R"({"v":5})");
}

TEST(Avro, ARecordIsNotTakenForAnotherOfTheSameFields) {
  const std::string trade =
      R"({"type":"record","name":"Trade","fields":[{"name":"a","type":"int"}]})";
  const std::string quote =
      R"({"type":"record","name":"Quote","fields":[{"name":"b","type":"int"}]})";
  const std::string cancel =
      R"({"type":"record","name":"Cancel","fields":[{"name":"a","type":"int"}]})";
  std::string reader = "[" + trade + "," + quote + "]";
  std::string writer = "[" + trade + "," + quote + "," + cancel + "]";
  EXPECT_EQ(evolved(writer, reader, number(0) + number(5)).values[0],
            R"({"v":{"member0":{"a":5},"member1":null}})");
  auto got = evolved(writer, reader, number(2) + number(5));
  EXPECT_NE(got.reasons[0].find("Cancel"), std::string::npos) << got.reasons[0];
  EXPECT_EQ(got.values[0], R"({"v":null})");
}

TEST(Avro, ASchemaHoweverDeepIsRefused) {
  std::string deep = R"({"a":)" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  auto parsed = parse_avro(deep);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message, "Avro schema: an object is no type");
}

// What is written with the schema of a type can be read to the same values.
TEST(Avro, ValuesComeBackAsTheyWere) {
  Schema schema = *parse_ddl(
      "b BOOLEAN, t TINYINT, i INT, l BIGINT, f FLOAT, d DOUBLE, s STRING, y BINARY, day DATE, "
      "at TIMESTAMP, wall TIMESTAMP_NTZ, small DECIMAL(4,2), wide DECIMAL(38,6), "
      "list ARRAY<INT>, pairs MAP<STRING, BIGINT>, inner STRUCT<a: INT, b: STRING>");
  const char* lines =
      R"({"b":true,"t":-3,"i":-70000,"l":9007199254740993,"f":1.5,"d":-2.25,"s":"grü","y":"AP8=",)"
      R"("day":"1969-12-31","at":"2026-01-05T14:30:00.000001Z","wall":"1969-12-31T23:59:59.5",)"
      R"("small":-12.34,"wide":-12345678901234567890.123456,"list":[1,null,3],)"
      R"("pairs":{"k":1,"n":null},"inner":{"a":1,"b":"x"}})"
      "\n"
      R"({"b":false,"list":[],"pairs":{},"inner":{},"small":0.00,"wide":99.000000,"s":""})"
      "\n{}\n";
  auto batch = from_json_lines(lines, schema);
  ASSERT_TRUE(batch) << batch.error().message;
  Type type = Type::structure(schema.fields);
  auto text_of_schema = avro_of(type, false, "Row");
  ASSERT_TRUE(text_of_schema) << text_of_schema.error().message;
  auto parsed = parse_avro(*text_of_schema);
  ASSERT_TRUE(parsed) << parsed.error().message << *text_of_schema;
  auto encoder = AvroEncoder::make(type, *parsed);
  ASSERT_TRUE(encoder) << encoder.error().message;
  auto rows = *(*batch)->ToStructArray();
  std::vector<std::string> payloads(3);
  for (int64_t i = 0; i < 3; ++i) {
    auto done = (*encoder)->encode(*rows, i, payloads[static_cast<size_t>(i)]);
    ASSERT_TRUE(done) << done.error().message;
  }
  auto got = read(*text_of_schema, payloads);
  for (int64_t i = 0; i < 3; ++i) {
    std::string line = *to_json(**batch, schema, i);
    EXPECT_EQ(got.reasons[static_cast<size_t>(i)], "");
    EXPECT_EQ(got.values[static_cast<size_t>(i)], "{\"v\":" + line + "}");
  }
}

TEST(Avro, AnEncoderSaysWhatHasNoPlaceInTheSchema) {
  auto refused = [](const Type& type, const std::string& schema) {
    auto encoder = AvroEncoder::make(type, *parse_avro(schema));
    return encoder ? "" : encoder.error().message;
  };
  Type ab = Type::structure(parse_ddl("a INT, b STRING")->fields);
  EXPECT_EQ(refused(ab, record(R"({"name":"a","type":"int"})")), "the schema has no field for b");
  EXPECT_EQ(refused(ab, record(R"({"name":"a","type":"int"},{"name":"b","type":"int"})")),
            "b: a value of type STRING cannot be written as Avro's int");
  EXPECT_EQ(refused(ab, record(R"({"name":"a","type":"int"},{"name":"b","type":"string"},)"
                               R"({"name":"c","type":"int"})")),
            "the schema's field c has no default and no value");
  auto schema =
      *parse_avro(record(R"({"name":"a","type":"int"},{"name":"b","type":["null","string"]})"));
  auto encoder = *AvroEncoder::make(ab, schema);
  auto batch = *from_json_lines("{\"b\":\"x\"}\n", Schema{*ab.children});
  std::string out;
  auto done = encoder->encode(**batch->ToStructArray(), 0, out);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "a: it is NULL, which the schema does not allow");
}

TEST(Avro, AnEncoderSaysWhichValueDoesNotFit) {
  auto refused = [](const std::string& ddl, const std::string& line, const std::string& node) {
    Schema columns = *parse_ddl(ddl);
    auto encoder = AvroEncoder::make(Type::structure(columns.fields),
                                     *parse_avro(record(R"({"name":"v","type":)" + node + "}")));
    if (!encoder) return encoder.error().message;
    auto batch = *from_json_lines(line + "\n", columns);
    std::string out;
    auto done = (*encoder)->encode(**batch->ToStructArray(), 0, out);
    return done ? std::string() : done.error().message;
  };
  EXPECT_EQ(refused("v BINARY", R"({"v":"AAEC"})", R"({"type":"fixed","name":"F","size":2})"),
            "v: 3 bytes where the schema's fixed has 2");
  EXPECT_EQ(
      refused("v STRING", R"({"v":"up"})", R"({"type":"enum","name":"E","symbols":["down"]})"),
      "v: 'up' is no symbol of the schema");
  EXPECT_EQ(
      refused("v DECIMAL(4,0)", R"({"v":9999})",
              R"({"type":"fixed","name":"F","size":1,"logicalType":"decimal","precision":4})"),
      "v: a decimal that takes more than 1 bytes");
  auto written = avro_of(*parse_type("MAP<INT, INT>"), false, "Row");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            "Row: the keys of a map in Avro are texts; cast them to STRING");
}

// Random bytes for random schemas: never a crash, always one value a payload.
TEST(Avro, RandomBytesAreReadOrRefused) {
  std::mt19937_64 random(20260105);
  const std::string schemas[] = {
      record(R"({"name":"a","type":["null","int","string"]},{"name":"b","type":"double"})"),
      R"({"type":"array","items":{"type":"map","values":["null","bytes"]}})",
      R"({"type":"bytes","logicalType":"decimal","precision":38,"scale":10})",
      R"({"type":"array","items":"null"})",
  };
  for (const std::string& schema : schemas) {
    std::vector<std::string> payloads;
    for (int i = 0; i < 500; ++i) {
      std::string payload(random() % 24, '\0');
      for (char& c : payload) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 6);
      payloads.push_back(std::move(payload));
    }
    EXPECT_EQ(read(schema, payloads).values.size(), payloads.size());
  }
}

TEST(JsonSchema, DescribesColumns) {
  auto ddl = [](const std::string& schema) {
    auto read = schema_from_json_schema(schema);
    return read ? to_ddl(*read) : read.error().message;
  };
  EXPECT_EQ(
      ddl(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":["null","number"]},)"
          R"("c":{"oneOf":[{"type":"null"},{"$ref":"#/definitions/T"}]},)"
          R"("d":{"type":"array","items":{"type":"boolean"}},)"
          R"("e":{"type":"object","additionalProperties":{"type":"string"}},)"
          R"("f":{"type":"integer","connect.type":"int32"},"g":{"enum":["x"]}},)"
          R"("definitions":{"T":{"type":"string","format":"date-time"}}})"),
      "a BIGINT, b DOUBLE, c TIMESTAMP, d ARRAY<BOOLEAN>, e MAP<STRING, STRING>, f INT, g STRING");
  EXPECT_EQ(ddl(R"({"type":"object","properties":{"a":{"$ref":"#/properties/a"}}})"),
            "JSON Schema: a: it contains itself, or is nested too deep");
  EXPECT_EQ(ddl(R"({"type":"object","properties":{"a":{"oneOf":[{"type":"string"},{"type":"null"},)"
                R"({"type":"integer"}]}}})"),
            "JSON Schema: a: values of several types have no SQL type");
  Schema schema = *parse_ddl(
      "s STRING, n BIGINT, at TIMESTAMP, day DATE, f FLOAT, l ARRAY<INT>, "
      "r STRUCT<a: SMALLINT>");
  EXPECT_EQ(ddl(json_schema_of(schema, "t")), to_ddl(schema));
}

TEST(JsonSchema, WhatDescribesNoColumnsIsRefusedWithTheReason) {
  auto refusal_of = [](const std::string& schema) {
    auto read = schema_from_json_schema(schema);
    return read ? to_ddl(*read) : read.error().message;
  };
  auto of_a = [&](const std::string& schema) {
    return refusal_of(R"({"type":"object","properties":{"a":)" + schema + "}}");
  };
  EXPECT_EQ(refusal_of("[]"), "JSON Schema: it: it is no JSON object");
  EXPECT_EQ(refusal_of(R"({"type":"string"})"),
            "JSON Schema: it: it does not describe objects with properties");
  EXPECT_EQ(refusal_of(R"({"type":"object","properties":{"a":{"type":"string"},"A":{}}})"),
            "JSON Schema: it: a and A differ in case only");
  EXPECT_EQ(of_a("5"), "JSON Schema: a: it is no schema");
  EXPECT_EQ(of_a("{}"), "JSON Schema: a: its type is not told");
  EXPECT_EQ(of_a(R"({"oneOf":[{"type":"null"}]})"), "JSON Schema: a: it has no type but null");
  EXPECT_EQ(of_a(R"({"type":"object"})"),
            "JSON Schema: a: an object without properties has no columns");
  EXPECT_EQ(of_a(R"({"type":"array"})"), "JSON Schema: a: an array without items has no type");
  auto object_of = [](const std::string& property) {
    std::string out = R"({"type":"object","properties":{)";
    for (int i = 0; i < 100; ++i) {
      out += (i == 0 ? "\"c" : ",\"c") + std::to_string(i) + "\":" + property;
    }
    return out + "}}";
  };
  EXPECT_EQ(refusal_of(object_of(object_of(R"({"type":"string"})"))),
            "JSON Schema: c99: it has more than 10000 columns");
}

}  // namespace
}  // namespace ticklake::formats
