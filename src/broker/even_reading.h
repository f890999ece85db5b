// Partitions are read evenly, so that none runs ahead of the others.
#pragma once

#include <algorithm>
#include <vector>

#include "broker/broker.h"
#include "broker/record_rows.h"

namespace ticklake::broker {

class EvenReading {
 public:
  // Gives each partition an even share of the limits, then what some left over to those that have
  // more. A Source has rows(), a RowBuilder&; read(source, rows_max, bytes_max) fills it up to the
  // limits and says whether there may be more.
  template <typename Source, typename Read>
  Result<void> read(std::vector<Source*> hungry, const PollLimits& limits, Read&& read) {
    if (hungry.empty()) return {};
    for (Source* source : hungry) source->rows().want_headers(limits.headers);
    std::rotate(hungry.begin(), hungry.begin() + static_cast<int64_t>(turn_++ % hungry.size()),
                hungry.end());
    int64_t rows_left = limits.rows_max;
    int64_t bytes_left = limits.bytes_max;
    while (!hungry.empty() && rows_left > 0 && bytes_left > 0) {
      auto count = static_cast<int64_t>(hungry.size());
      int64_t rows_share = (rows_left + count - 1) / count;
      int64_t bytes_share = std::max<int64_t>(bytes_left / count, 1);
      std::vector<Source*> still;
      for (Source* source : hungry) {
        if (rows_left <= 0 || bytes_left <= 0) break;
        int64_t rows = source->rows().rows();
        int64_t bytes = source->rows().bytes();
        bool more = TRY(read(*source, rows + std::min(rows_share, rows_left), bytes + bytes_share));
        rows_left -= source->rows().rows() - rows;
        bytes_left -= source->rows().bytes() - bytes;
        if (more) still.push_back(source);
      }
      hungry = std::move(still);
    }
    return {};
  }

 private:
  size_t turn_ = 0;  // who comes first changes, so that tiny limits starve none
};

}  // namespace ticklake::broker
