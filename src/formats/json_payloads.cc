// from_json() over payloads: bare texts and those with a registry's frame.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "formats/formats.h"

namespace ticklake::formats {
namespace {

constexpr size_t kWritersMax = 1'000;

// As Spark: a text of nothing but blanks and control characters is no struct at all.
bool is_blank(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

class JsonPayloads final : public PayloadDecoder {
 public:
  JsonPayloads(std::unique_ptr<JsonDecoder> decoder, SchemasById writers)
      : decoder_(std::move(decoder)), writers_(std::move(writers)) {}

  Result<Values> decode(std::span<const std::string_view> payloads,
                        const std::vector<bool>& valid) override;

 private:
  Result<Values> values(std::span<const std::string_view> texts, const std::vector<bool>& valid);
  Result<std::string> problem_of(int32_t id);

  std::unique_ptr<JsonDecoder> decoder_;
  SchemasById writers_;
  std::map<int32_t, std::string> known_;  // why it cannot be the writer's schema, or ""
};

Result<std::string> JsonPayloads::problem_of(int32_t id) {
  if (auto found = known_.find(id); found != known_.end()) return found->second;
  std::string problem;
  auto schema = writers_(id);
  if (!schema && schema.error().code == Code::NotFound) {
    return schema.error().message;  // not kept: it may come to be known
  } else if (TRY(std::move(schema)).form != RegisteredSchema::Form::Json) {
    problem = fmt::format("the schema {} is not a JSON Schema", id);
  }
  if (known_.size() >= kWritersMax) known_.clear();
  return known_[id] = problem;
}

Result<PayloadDecoder::Values> JsonPayloads::values(std::span<const std::string_view> texts,
                                                    const std::vector<bool>& valid) {
  auto rows = TRY(decoder_->decode(texts, valid));
  Values out;
  for (auto& failure : rows.failures) {
    out.failures.push_back({failure.row, std::move(failure.reason)});
  }
  arrow::BooleanBuilder mask;
  TRY_STATUS(mask.Reserve(static_cast<int64_t>(texts.size())));
  int64_t nulls = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    bool there = (valid.empty() || valid[i]) && !is_blank(texts[i]);
    mask.UnsafeAppend(there);
    nulls += there ? 0 : 1;
  }
  std::shared_ptr<arrow::Array> bits;
  TRY_STATUS(mask.Finish(&bits));
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  for (const auto& column : rows.batch->columns()) columns.push_back(column->data());
  out.array = arrow::MakeArray(arrow::ArrayData::Make(
      arrow::struct_(rows.batch->schema()->fields()), rows.batch->num_rows(),
      {nulls == 0 ? nullptr : bits->data()->buffers[1]}, std::move(columns), nulls));
  return out;
}

Result<PayloadDecoder::Values> JsonPayloads::decode(std::span<const std::string_view> payloads,
                                                    const std::vector<bool>& valid) {
  if (!writers_) return values(payloads, valid);
  // A frame that is none is read as an empty object, whose fields are NULL too.
  constexpr std::string_view kNothing = "{}";
  std::vector<std::string_view> texts(payloads.size(), kNothing);
  std::vector<Failure> failures;
  for (size_t i = 0; i < payloads.size(); ++i) {
    if (!valid.empty() && !valid[i]) continue;
    auto frame = unframed(payloads[i]);
    std::string problem = frame ? TRY(problem_of(frame->id)) : frame.error().message;
    if (problem.empty()) {
      texts[i] = frame->payload;
    } else {
      failures.push_back({static_cast<int64_t>(i), std::move(problem)});
    }
  }
  Values out = TRY(values(texts, valid));
  out.failures.insert(out.failures.end(), std::make_move_iterator(failures.begin()),
                      std::make_move_iterator(failures.end()));
  std::ranges::sort(out.failures, {}, &Failure::row);
  return out;
}

}  // namespace

Result<std::unique_ptr<PayloadDecoder>> make_json_decoder(const Schema& schema,
                                                          SchemasById writers) {
  auto decoder = TRY(JsonDecoder::make(schema));
  return std::unique_ptr<PayloadDecoder>(
      std::make_unique<JsonPayloads>(std::move(decoder), std::move(writers)));
}

}  // namespace ticklake::formats
