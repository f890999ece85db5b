#include "sources/alpha_vantage_topics.h"

#include <fmt/format.h>

#include <charconv>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "formats/formats.h"
#include "sources/outbox.h"

namespace ticklake::sources {

using Json = nlohmann::json;

namespace {

constexpr size_t kBarsPerFlush = 20'000;

std::map<Partition, broker::OffsetRange> all_of(const broker::TopicInfo& info) {
  std::map<Partition, broker::OffsetRange> out;
  for (size_t i = 0; i < info.partitions.size(); ++i) {
    out[Partition(static_cast<int32_t>(i))] = info.partitions[i];
  }
  return out;
}

std::string json_of(const std::string& series, const BadBar& bar) {
  std::string json = "{\"series\":";
  formats::append_json_string(json, series);
  json += ",\"exchange_time\":";
  formats::append_json_string(json, bar.exchange_time);
  json += ",\"reason\":";
  formats::append_json_string(json, bar.reason);
  json += ",\"raw\":";
  formats::append_json_string(json, bar.raw);
  return json + "}";
}

std::string text_of(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t number_of(const Json& json, const char* key) {
  auto found = json.find(key);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

}  // namespace

Result<BarTopics> BarTopics::open(broker::Topics& topics, const SourceSpec& spec) {
  BarTopics out;
  out.source_ = spec.name;
  out.framed_ = spec.records.kind != RecordForm::Kind::Json;
  broker::TopicOptions kept = topic_options(spec);
  auto bars = TRY(describe_or_create(topics, spec.topic, kept));
  out.topic_id_ = bars.id;
  out.partitions_ = static_cast<int32_t>(bars.partitions.size());
  kept.partitions = 1;
  auto bad = TRY(describe_or_create(topics, spec.topic + "__bad", kept));
  auto requests = TRY(describe_or_create(topics, spec.topic + "__requests", kept));
  TRY(out.read_bars(topics, bars, Sort::Good));
  TRY(out.read_bars(topics, bad, Sort::Bad));
  TRY(out.read_requests(topics, requests));
  out.bars_ = TRY(topics.write(bars.name));
  out.bad_ = TRY(topics.write(bad.name));
  out.requests_ = TRY(topics.write(requests.name));
  return out;
}

// A bar that was bad once does not hide the good one that the topic has.
uint64_t BarTopics::place_of(Sort sort, std::string_view series, std::string_view time) {
  return fnv1a(time, fnv1a(sort == Sort::Bad ? "\nbad\n" : "\n", fnv1a(series)));
}

Result<void> BarTopics::read_bars(broker::Topics& topics, const broker::TopicInfo& info,
                                  Sort sort) {
  return read_records(topics, info.name, all_of(info), [&](Partition, const auto& record) {
    auto series = header_of(record, "series");
    auto time = header_of(record, "bar");
    if (!series || !time) return;
    uint64_t hash = fnv1a(record.value.value_or(""));
    if (auto content = header_of(record, "content")) {
      std::from_chars(content->data(), content->data() + content->size(), hash, 16);
    }
    known_[place_of(sort, *series, *time)] = hash;
  });
}

// Answers that belong to another topic of that name, deleted since, do not count.
Result<void> BarTopics::read_requests(broker::Topics& topics, const broker::TopicInfo& info) {
  return read_records(topics, info.name, all_of(info), [&](Partition, const auto& record) {
    Json json = Json::parse(record.value.value_or(""), nullptr, false);
    if (!json.is_object() || text_of(json, "topic_id") != topic_id_) return;
    asked_[text_of(json, "request")] = {.kind = to_answer_kind(text_of(json, "answer")),
                                        .at_us = number_of(json, "at_us"),
                                        .attempts = number_of(json, "attempts"),
                                        .ok_at_us = number_of(json, "ok_at_us"),
                                        .newest = text_of(json, "newest"),
                                        .plan = text_of(json, "plan"),
                                        .message = text_of(json, "message")};
  });
}

bool BarTopics::is_known(uint64_t place, std::string_view value) const {
  auto found = known_.find(place);
  return found != known_.end() && found->second == fnv1a(value);
}

Result<BarTopics::Sent> BarTopics::send(const std::string& series, const std::string& symbol,
                                        const Answer& answer) {
  Sent sent;
  auto record_of = [&](uint64_t place, const std::string& time, std::string value) {
    broker::Record record{.key = symbol, .value = std::move(value)};
    record.headers = {{"source", source_}, {"series", series}, {"bar", time}};
    known_[place] = fnv1a(*record.value);
    if (framed_) record.headers.push_back({"content", fmt::format("{:x}", known_[place])});
    return record;
  };
  // All bars of a symbol in one partition, so that a revised one comes after what it revises.
  auto partition = Partition(static_cast<int32_t>((murmur2(symbol) & 0x7fffffffu) %
                                                  static_cast<uint32_t>(partitions_)));
  for (const BadBar& bar : answer.bad) {
    std::string value = json_of(series, bar);
    uint64_t place = place_of(Sort::Bad, series, bar.exchange_time);
    if (is_known(place, value)) continue;
    TRY(bad_->append(record_of(place, bar.exchange_time, std::move(value)), Partition(0)));
    ++sent.bad;
  }
  for (const Bar& bar : answer.bars) {
    uint64_t place = place_of(Sort::Good, series, bar.exchange_time);
    if (is_known(place, bar.json)) continue;
    TRY(bars_->append(record_of(place, bar.exchange_time, bar.json), partition));
    if (++sent.bars % static_cast<int64_t>(kBarsPerFlush) == 0) TRY(bars_->flush());
  }
  TRY(bad_->flush());
  TRY(bars_->flush());
  return sent;
}

Result<void> BarTopics::note(const std::string& request, Asked asked) {
  Json json = {{"source", source_},       {"topic_id", topic_id_},
               {"request", request},      {"answer", to_word(asked.kind)},
               {"at_us", asked.at_us},    {"attempts", asked.attempts},
               {"ok_at_us", asked.ok_at_us}, {"newest", asked.newest},
               {"plan", asked.plan},      {"message", asked.message}};
  broker::Record record{.key = request,
                        .value = json.dump(-1, ' ', false, Json::error_handler_t::replace)};
  TRY(requests_->append(std::move(record), Partition(0)));
  TRY(requests_->flush());
  asked_[request] = std::move(asked);
  return {};
}

}  // namespace ticklake::sources
