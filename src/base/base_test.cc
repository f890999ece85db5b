#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/secrets.h"
#include "base/text.h"
#include "base/time.h"
#include "base/uuid.h"

namespace ticklake {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{Code::Invalid, "odd"};
  return n / 2;
}
Result<int> quarter(int n) {
  int once = TRY(half(n));
  return TRY(half(once));
}

TEST(ResultTest, TryReturnsTheFirstError) {
  EXPECT_EQ(*quarter(12), 3);
  auto failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "odd");
  EXPECT_EQ(prefixed("here", failed.error()).message, "here: odd");
}

TEST(ResultDeathTest, LookingAtTheValueOfAnErrorAborts) { EXPECT_DEATH((void)*half(3), "odd"); }

TEST(Murmur2, AgreesWithKafka) {  // values of Kafka's own tests
  EXPECT_EQ(static_cast<int32_t>(murmur2("21")), -973932308);
  EXPECT_EQ(static_cast<int32_t>(murmur2("foobar")), -790332482);
  EXPECT_EQ(static_cast<int32_t>(murmur2("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(static_cast<int32_t>(murmur2("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(static_cast<int32_t>(murmur2("abc")), 479470107);
}

TEST(TimeTest, EveryDayOfFourHundredYearsGoesThereAndBack) {
  for (int32_t day = -146097; day <= 146097; ++day) {
    ASSERT_EQ(days_from_civil(civil_from_days(day)), day);
  }
  EXPECT_EQ(format_date(0), "1970-01-01");
  EXPECT_EQ(format_date(days_from_civil({2024, 2, 29})), "2024-02-29");
  EXPECT_EQ(format_date(days_from_civil({10000, 1, 1})), "+10000-01-01");
}

TEST(TimeTest, InstantsAreWrittenWithAFractionOnlyWhereThereIsOne) {
  EXPECT_EQ(format_instant(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_instant(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_wall_time(1'500'000), "1970-01-01T00:00:01.500000");
}

TEST(TimeTest, TimestampsAreReadAsSparkCastsThem) {
  struct Case {
    std::string_view text, expected;
  };
  for (auto [text, expected] :
       {Case{"2026-01-05T14:30:00.123Z", "2026-01-05T14:30:00.123000Z"},
        Case{" 2026-01-05 ", "2026-01-05T00:00:00Z"}, Case{"2026", "2026-01-01T00:00:00Z"},
        Case{"2026-1-5 4:3:2", "2026-01-05T04:03:02Z"},
        Case{"2026-01-05 14:30:00+02:30", "2026-01-05T12:00:00Z"},
        Case{"2026-01-05T14:30:00 UTC-1", "2026-01-05T15:30:00Z"},
        Case{"2026-01-05T14:30:00.1234567", "2026-01-05T14:30:00.123456Z"}}) {
    auto parsed = parse_timestamp(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(format_instant(parsed->micros), expected) << text;
  }
  for (std::string_view bad :
       {"", "x", "2026-13-01", "2026-02-29", "2026-01-05T24:00:00", "26-01-01",
        "2026-01-05T14:30:00+19:00", "2026-01-05T14:30:00 Mars", "2026-01-05x"}) {
    EXPECT_FALSE(parse_timestamp(bad)) << bad;
  }
}

TEST(TimeTest, FloorToIsRightBelowZero) {
  EXPECT_EQ(floor_to(-1, 60), -60);
  EXPECT_EQ(floor_to(-60, 60), -60);
  EXPECT_EQ(floor_to(61, 60, 2), 2);
}

TEST(TextTest, NearestSuggestsOnlyWhatIsNear) {
  std::vector<std::string> known = {"bronze_ticks", "silver_ticks", "gold"};
  EXPECT_EQ(nearest("BRONZE_TICK", known), "bronze_ticks");
  EXPECT_EQ(nearest("customers", known), "");
}

TEST(TextTest, Utf8) {
  EXPECT_TRUE(is_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (std::string_view bad :
       {"\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE0\x80\x80"}) {
    EXPECT_FALSE(is_utf8(bad)) << printable(bad);
  }
  EXPECT_EQ(printable("a\n\xFF"), "a\\x0A\\xFF");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(TextTest, SubstitutionLeavesOtherDollarsAlone) {
  auto lookup = [](const std::string& name) -> std::optional<std::string> {
    if (name == "broker") return "localhost";
    return std::nullopt;
  };
  auto out = substituted("$ConnectionString at ${broker}, ${nobody} $", lookup);
  EXPECT_EQ(out.text, "$ConnectionString at localhost,  $");
  EXPECT_EQ(out.unknown, std::vector<std::string>{"nobody"});
}

TEST(SecretsTest, AreMaskedInEveryForm) {
  Secrets secrets;
  secrets.add("s3cr3t/key\n");
  secrets.add("s3cr3t/key-longer");
  secrets.add("abc");
  EXPECT_EQ(secrets.masked("a s3cr3t/key-longer, s3cr3t/key, ?k=s3cr3t%2Fkey&abc"),
            "a ***, ***, ?k=***&abc");
  secrets.add("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n");
  EXPECT_EQ(secrets.masked("line MIIEvQIBADANBgkqhkiG9w0"), "line ***");
}

TEST(SecretsTest, AreMaskedWhereAMessageCutOrEscapedThem) {
  Secrets secrets;
  const std::string value = "pa55word'of\tthe broker, quite long, that no message shows whole";
  secrets.add(value);
  EXPECT_EQ(secrets.masked(printable("user=u password=" + value, 40)), "user=u password=***...");
  EXPECT_EQ(secrets.masked("found '" + printable(value, 400) + "'"), "found '***'");
  EXPECT_EQ(secrets.masked("pa5... and so on..."), "pa5... and so on...");
}

TEST(SecretsTest, NamesTellWhatIsSecret) {
  for (const char* name : {"kafka.password", "ALPHA_VANTAGE_API_KEY", "kafka.sasl.jaas.config",
                           "EVENTHUB_CONNECTION_STRING", "kafka.ssl.key.pem", "auth-token",
                           "`kafka.sasl.password` => '", "PGPASSWORD", "SMTP_PASS",
                           "SharedAccessKey", "env:FRED_KEY"}) {
    EXPECT_TRUE(names_secret(name)) << name;
  }
  for (const char* name : {"kafka.bootstrap", "HOME", "kafka.key_file", "kafka.ssl.key.location",
                           "keyspace", "  monkey: ", "key", "kafka.key.format", "bypass", ""}) {
    EXPECT_FALSE(names_secret(name)) << name;
  }
}

TEST(SecretsTest, ALineTellsWhatOfItIsSecret) {
  std::string text = "directory: ${env:DATA}\napi_key: ${env:AV}\nx: ${env:MY_TOKEN} ${file:a}\n";
  EXPECT_EQ(secret_references(text),
            (std::vector<std::string>{"env:AV", "env:MY_TOKEN", "file:a"}));
  auto references = [](const std::string& line) { return joined(secret_references(line), " "); };
  EXPECT_EQ(references("SELECT CAST(key AS STRING), token FROM read_kafka(x => '${b}')"), "");
  EXPECT_EQ(references("WHERE password = '${p}' AND venue = '${v}'"), "p");
  EXPECT_EQ(references("(`kafka.password` => '${p}', subscribe => '${t}') WHERE v = '${v}'"), "p");
  EXPECT_EQ(references("`kafka.sasl.jaas.config` => 'x required username=\"${u}\"'"), "u");
  EXPECT_EQ(references("  - password: abc${a}${b}"), "a b");
  EXPECT_EQ(references("url: https://h/q?apikey=${k}&symbol=${s}"), "k");
}

TEST(UuidTest, AreOfVersionFourAndDiffer) {
  std::string uuid = new_uuid();
  ASSERT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
  EXPECT_NE(uuid, new_uuid());
}

}  // namespace
}  // namespace ticklake
