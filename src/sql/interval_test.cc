#include "sql/interval.h"

#include <gtest/gtest.h>

#include "base/time.h"
#include "sql/ast.h"
#include "sql/parser.h"

namespace ticklake::sql {
namespace {

std::string text_of(const std::string& sql) {
  const std::string file = "f";
  Result<std::vector<Token>> tokens = tokenize(sql, file);
  if (!tokens) return tokens.error().message;
  Result<ExpressionPtr> result = Parser(sql, file, *tokens).whole_expression();
  return result ? to_text(**result) : result.error().message;
}

TEST(Interval, AllSpellingsOfTenSeconds) {
  for (const char* sql : {"INTERVAL 10 SECONDS", "INTERVAL '10' SECOND", "INTERVAL '10 seconds'",
                          "interval 10 second", "INTERVAL '10' SECONDS", "INTERVAL ' 10  second '",
                          "INTERVAL 10000 MILLISECONDS", "INTERVAL 10000000 microseconds",
                          "INTERVAL 10.0 SECONDS", "INTERVAL '+10' SECONDS",
                          "INTERVAL 'interval 10 seconds'"}) {
    EXPECT_EQ(text_of(sql), "INTERVAL '10' SECOND") << sql;
  }
}

TEST(Interval, FieldsAndSigns) {
  EXPECT_EQ(text_of("INTERVAL '1' DAY '2' HOUR"), "INTERVAL '1 02' DAY TO HOUR");
  EXPECT_EQ(text_of("INTERVAL 1 DAY 2 HOURS 3 MINUTES 4.5 SECONDS"),
            "INTERVAL '1 02:03:04.5' DAY TO SECOND");
  EXPECT_EQ(text_of("INTERVAL '1:02:03' HOUR TO SECOND"), "INTERVAL '01:02:03' HOUR TO SECOND");
  EXPECT_EQ(text_of("INTERVAL '1 2:3' DAY TO MINUTE"), "INTERVAL '1 02:03' DAY TO MINUTE");
  EXPECT_EQ(text_of("INTERVAL '-5:0.25' MINUTE TO SECOND"),
            "INTERVAL '-05:00.25' MINUTE TO SECOND");
  EXPECT_EQ(text_of("INTERVAL -'10' SECONDS"), "INTERVAL '-10' SECOND");
  EXPECT_EQ(text_of("INTERVAL -5 MINUTES"), "INTERVAL '-05' MINUTE");
  EXPECT_EQ(text_of("- INTERVAL 5 MINUTES"), "(- INTERVAL '05' MINUTE)");
  EXPECT_EQ(text_of("INTERVAL 2 WEEKS"), "INTERVAL '14' DAY");
  EXPECT_EQ(text_of("INTERVAL '1-2' YEAR TO MONTH"), "INTERVAL '1-2' YEAR TO MONTH");
  EXPECT_EQ(text_of("INTERVAL 14 MONTHS"), "INTERVAL '14' MONTH");
  EXPECT_EQ(text_of("a + INTERVAL 1 DAY - INTERVAL 1 HOUR"),
            "((a + INTERVAL '1' DAY) - INTERVAL '01' HOUR)");
}

TEST(Interval, Refusals) {
  EXPECT_EQ(text_of("INTERVAL 10 SEKONDS"),
            "f:1:13: found 'SEKONDS'; expected a unit of time after '10'; did you mean SECONDS?");
  EXPECT_EQ(text_of("INTERVAL 10"), "f:1:12: found the end; expected a unit of time after '10'");
  EXPECT_EQ(text_of("INTERVAL 'abc'"),
            "f:1:1: 'abc' has no unit of time after 'abc'; write year, month, week, day, hour, "
            "minute, second, millisecond or microsecond");
  EXPECT_EQ(text_of("INTERVAL ''"), "f:1:1: '' is not an interval; write a number and a unit, such "
                                    "as '10 seconds'");
  EXPECT_EQ(text_of("INTERVAL 1 MONTH 2 DAYS"),
            "f:1:1: the interval '1 MONTH 2 DAYS' mixes years or months with shorter units; write "
            "two intervals");
  EXPECT_EQ(text_of("INTERVAL 1.5 HOURS"),
            "f:1:1: '1.5' has a fraction of a hour; only seconds may have one");
  EXPECT_EQ(text_of("INTERVAL '25:00' HOUR TO SECOND"),
            "f:1:1: '25:00' is not an interval HOUR TO SECOND; write 'h:m:s'");
  EXPECT_EQ(text_of("INTERVAL '1 24:00:00' DAY TO SECOND"),
            "f:1:1: '1 24:00:00' has more than 23 hours");
  EXPECT_EQ(text_of("INTERVAL '1' HOUR TO DAY"),
            "f:1:1: there is no interval HOUR TO DAY; write YEAR TO MONTH, or DAY, HOUR or MINUTE "
            "TO a shorter one");
  EXPECT_EQ(text_of("INTERVAL 99999999999999999 DAYS"),
            "f:1:1: the interval '99999999999999999' is out of range");
}

TEST(Interval, TextsForWindows) {
  EXPECT_EQ(parse_interval("1 minute")->micros, kMicrosPerMinute);
  EXPECT_EQ(parse_interval("1 hour 30 minutes")->micros, 90 * kMicrosPerMinute);
  EXPECT_EQ(parse_interval("-1.5 seconds")->micros, -1'500'000);
  EXPECT_EQ(parse_interval("2 years 1 month")->months, 25);
  EXPECT_FALSE(parse_interval("1minute"));
  EXPECT_FALSE(parse_interval("minute"));
  EXPECT_FALSE(parse_interval("1 minute 5"));
  EXPECT_FALSE(parse_interval("9223372036854775807 seconds"));
  EXPECT_FALSE(parse_interval("- second"));
  EXPECT_FALSE(parse_interval("."));
  EXPECT_FALSE(parse_interval(". second"));
}

}  // namespace
}  // namespace ticklake::sql
