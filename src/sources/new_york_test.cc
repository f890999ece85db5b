#include "sources/new_york.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace ticklake::sources {
namespace {

std::string utc(const char* wall) {
  return format_instant(new_york_to_utc(parse_timestamp(wall)->micros));
}

TEST(NewYork, IsRightAcrossTheChangesOfTheClock) {
  EXPECT_EQ(utc("2026-01-05 16:00:00"), "2026-01-05T21:00:00Z");
  EXPECT_EQ(utc("2026-07-06 16:00:00"), "2026-07-06T20:00:00Z");
  // Since 2007: second Sunday of March, first of November.
  EXPECT_EQ(utc("2026-03-08 01:59:59"), "2026-03-08T06:59:59Z");
  EXPECT_EQ(utc("2026-03-08 03:00:00"), "2026-03-08T07:00:00Z");
  EXPECT_EQ(utc("2026-03-08 02:30:00"), "2026-03-08T07:30:00Z");  // never shown
  EXPECT_EQ(utc("2026-11-01 01:30:00"), "2026-11-01T05:30:00Z");  // shown twice: the first
  EXPECT_EQ(utc("2026-11-01 02:00:00"), "2026-11-01T07:00:00Z");
  EXPECT_EQ(utc("2026-03-08"), "2026-03-08T05:00:00Z");
  EXPECT_EQ(utc("2026-03-09"), "2026-03-09T04:00:00Z");
  // Up to 2006: first Sunday of April, last of October.
  EXPECT_EQ(utc("2006-03-31 16:00:00"), "2006-03-31T21:00:00Z");
  EXPECT_EQ(utc("2006-04-03 16:00:00"), "2006-04-03T20:00:00Z");
  EXPECT_EQ(utc("2006-10-30 16:00:00"), "2006-10-30T21:00:00Z");
  EXPECT_EQ(utc("2000-10-27 16:00:00"), "2000-10-27T20:00:00Z");
  // Up to 1986: last Sunday of April; the oil crisis.
  EXPECT_EQ(utc("1986-04-25 16:00:00"), "1986-04-25T21:00:00Z");
  EXPECT_EQ(utc("1986-04-28 16:00:00"), "1986-04-28T20:00:00Z");
  EXPECT_EQ(utc("1974-01-07 16:00:00"), "1974-01-07T20:00:00Z");
}

TEST(NewYork, GoesThereAndBack) {
  for (int64_t hour = 0; hour < 60 * 366 * 24; ++hour) {
    int64_t instant = hour * kMicrosPerHour;
    int64_t back = new_york_to_utc(utc_to_new_york(instant));
    // The hour that comes twice is read as its first.
    ASSERT_TRUE(back == instant || back == instant - kMicrosPerHour) << format_instant(instant);
  }
}

}  // namespace
}  // namespace ticklake::sources
