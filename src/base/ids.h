// Strong integers: an Offset is not a Version is not an EventTime.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>

namespace ticklake {

template <typename Tag, typename Number = int64_t>
struct Id {
  Number value = 0;

  constexpr Id() = default;
  constexpr explicit Id(Number number) : value(number) {}

  constexpr auto operator<=>(const Id&) const = default;
  constexpr Id operator+(Number n) const { return Id(value + n); }
  constexpr Id operator-(Number n) const { return Id(value - n); }
  constexpr Number operator-(Id other) const { return value - other.value; }
  constexpr Id& operator++() {
    ++value;
    return *this;
  }

  static constexpr Id min() { return Id(std::numeric_limits<Number>::min()); }
  static constexpr Id max() { return Id(std::numeric_limits<Number>::max()); }
};

// The place of a record in its partition; the first is 0. As progress: the next offset to be read.
using Offset = Id<struct OffsetTag>;
// The number of a commit of a Delta table; the first is 0.
using Version = Id<struct VersionTag>;
// The number of a partition of a topic; the first is 0.
using Partition = Id<struct PartitionTag, int32_t>;
// When something happened by its own account, in microseconds since 1970-01-01T00:00:00 UTC.
using EventTime = Id<struct EventTimeTag>;

}  // namespace ticklake

template <typename Tag, typename Number>
struct std::hash<ticklake::Id<Tag, Number>> {
  size_t operator()(ticklake::Id<Tag, Number> id) const { return std::hash<Number>()(id.value); }
};
