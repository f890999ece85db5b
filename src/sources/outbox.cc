#include "sources/outbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "base/text.h"
#include "sources/record_rows.h"

namespace ticklake::sources {
namespace {

// How many records from the end of a partition are looked through first; then eight times as many,
// and so on.
constexpr int64_t kLookBackRecords = 1000;
constexpr int kEmptyPollsMax = 100;
constexpr int64_t kPollWaitMs = 100;

std::optional<Place> to_place(std::string_view text) {
  Place place;
  const char* end = text.data() + text.size();
  auto major = std::from_chars(text.data(), end, place.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != ':') return {};
  auto minor = std::from_chars(major.ptr + 1, end, place.minor);
  if (minor.ec != std::errc() || minor.ptr != end) return {};
  return place;
}

struct Mark {
  Place place;
  ResumeState state;
};

// What the record says about its source, or nothing where it is of another.
std::optional<Mark> mark_of(const broker::Record& record, const std::string& source) {
  if (header_of(record, "source") != source) return {};
  Mark mark;
  mark.state = to_state(header_of(record, "resume").value_or(""));
  auto place = to_place(mark.state["place"]);
  if (!place) return {};
  mark.place = *place;
  return mark;
}

}  // namespace

Result<broker::TopicInfo> describe_or_create(broker::Topics& topics, const std::string& topic,
                                             const broker::TopicOptions& options) {
  auto info = topics.describe(topic);
  if (info || info.error().code != Code::NotFound) return info;
  auto created = topics.create(topic, options);
  // Another may have made it in between.
  if (!created && created.error().code != Code::Conflict) return std::move(created).error();
  return topics.describe(topic);
}

std::optional<std::string> header_of(const broker::Record& record, std::string_view key) {
  for (const broker::Header& header : record.headers) {
    if (header.key == key) return header.value;
  }
  return {};
}

std::string to_text(const ResumeState& state) {
  std::string out;
  for (const auto& [key, value] : state) {
    if (!out.empty()) out += ' ';
    out += key;
    out += '=';
    for (char c : value) {
      if (c == ' ' || c == '%') {
        fmt::format_to(std::back_inserter(out), "%{:02X}", c);
      } else {
        out += c;
      }
    }
  }
  return out;
}

ResumeState to_state(std::string_view text) {
  ResumeState out;
  for (const std::string& word : split(text, ' ')) {
    size_t equals = word.find('=');
    if (equals == std::string::npos) continue;
    std::string& value = out[word.substr(0, equals)];
    for (size_t i = equals + 1; i < word.size(); ++i) {
      std::string_view code = std::string_view(word).substr(i, 3);
      bool escaped = code == "%20" || code == "%25";
      value += escaped ? (code == "%20" ? ' ' : '%') : word[i];
      if (escaped) i += 2;
    }
  }
  return out;
}

Result<void> read_records(broker::Topics& topics, const std::string& topic,
                          const std::map<Partition, broker::OffsetRange>& ranges,
                          const std::function<void(Partition, const broker::Record&)>& visit) {
  std::map<Partition, Offset> at;
  for (const auto& [partition, range] : ranges) {
    if (range.begin < range.end) at[partition] = range.begin;
  }
  if (at.empty()) return {};
  auto reader = TRY(topics.read(topic, at));
  int empty_polls = 0;
  auto all_read = [&] {
    return std::all_of(at.begin(), at.end(), [&](const auto& entry) {
      return entry.second >= ranges.at(entry.first).end;
    });
  };
  while (!all_read()) {
    auto chunks = TRY(reader->poll({.wait_ms_max = kPollWaitMs}));
    for (const broker::Chunk& chunk : chunks) {
      for (const broker::Record& record : records_of(*chunk.rows)) {
        visit(chunk.partition, record);
      }
      at[chunk.partition] = chunk.next;
    }
    empty_polls = chunks.empty() ? empty_polls + 1 : 0;
    if (empty_polls > kEmptyPollsMax) {
      return Error{Code::Unavailable, fmt::format("topic {} of {} gives no records, though it has "
                                                  "some; try again",
                                                  topic, topics.name())};
    }
  }
  return {};
}

Result<Outbox> Outbox::open(broker::Topics& topics, const std::string& topic,
                            const broker::TopicOptions& options, const std::string& source) {
  Outbox out;
  out.topic_ = topic;
  out.source_ = source;
  auto info = TRY(describe_or_create(topics, topic, options));
  out.topic_id_ = info.id;
  out.partitions_ = static_cast<int32_t>(info.partitions.size());
  TRY(out.read_back(topics, info.partitions));
  out.partitions_before_ = out.partitions_;
  if (out.newest_) {
    std::string_view text = out.state_["partitions"];
    std::from_chars(text.data(), text.data() + text.size(), out.partitions_before_);
    if (out.partitions_before_ < 1 || out.partitions_before_ > out.partitions_) {
      out.partitions_before_ = out.partitions_;  // not a number that we wrote
    }
  }
  out.writer_ = TRY(topics.write(topic));
  return out;
}

// Looks in each partition for the last record of this source; others may send to the topic too.
Result<void> Outbox::read_back(broker::Topics& topics,
                               const std::vector<broker::OffsetRange>& ranges) {
  std::map<Partition, broker::OffsetRange> missing;
  auto last = TRY(topics.last_records(topic_));
  for (size_t i = 0; i < ranges.size(); ++i) {
    Partition partition(static_cast<int32_t>(i));
    auto found = last.find(partition);
    if (found == last.end()) continue;
    if (auto mark = mark_of(found->second, source_)) {
      note(partition, mark->place, std::move(mark->state));
    } else {
      missing[partition] = ranges[i];
    }
  }
  for (int64_t count = kLookBackRecords; !missing.empty(); count *= 8) {
    std::map<Partition, broker::OffsetRange> window;
    for (const auto& [partition, range] : missing) {
      window[partition] = {std::max(range.begin, range.end - count), range.end};
    }
    TRY(read_records(topics, topic_, window, [&](Partition partition, const auto& record) {
      if (auto mark = mark_of(record, source_)) note(partition, mark->place, mark->state);
    }));
    std::erase_if(missing, [&](const auto& entry) {
      return last_.contains(entry.first) || window[entry.first].begin == entry.second.begin;
    });
  }
  return {};
}

void Outbox::note(Partition partition, Place place, ResumeState state) {
  last_[partition] = place;
  if (newest_ && *newest_ >= place) return;
  newest_ = place;
  state_ = std::move(state);
}

void Outbox::begin_batch(const ResumeState& state) {
  batch_state_ = fmt::format(" partitions={} {}", partitions_, to_text(state));
}

Partition Outbox::partition_of(const broker::Record& record, Place place,
                               int32_t partitions) const {
  uint32_t hash = record.key ? murmur2(*record.key) & 0x7fffffff
                             : murmur2(fmt::to_string(place.minor)) & 0x7fffffff;
  return Partition(static_cast<int32_t>(hash % static_cast<uint32_t>(partitions)));
}

Result<bool> Outbox::send(broker::Record record, Place place) {
  bool again = newest_ && place <= *newest_;
  Partition partition = partition_of(record, place, again ? partitions_before_ : partitions_);
  if (again) {
    auto last = last_.find(partition);
    if (last != last_.end() && place <= last->second) return false;
  }
  record.headers.push_back({"source", source_});
  record.headers.push_back(
      {"resume", fmt::format("place={}:{}{}", place.major, place.minor, batch_state_)});
  TRY(writer_->append(std::move(record), partition));
  return true;
}

Result<void> Outbox::flush() { return writer_->flush(); }

}  // namespace ticklake::sources
