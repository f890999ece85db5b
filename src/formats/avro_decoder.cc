#include <arrow/array/array_base.h>
#include <fmt/format.h>

#include <map>
#include <optional>

#include "formats/avro_resolve.h"
#include "formats/formats.h"

namespace ticklake::formats {
namespace {

constexpr size_t kFrameBytes = 5;
constexpr int64_t kBytesPerBatchMax = int64_t{1} << 30;
constexpr size_t kWritersMax = 1'000;

Result<void> check_size(std::span<const std::string_view> payloads) {
  int64_t bytes = 0;
  for (std::string_view payload : payloads) bytes += static_cast<int64_t>(payload.size());
  if (bytes <= kBytesPerBatchMax) return {};
  return Error{Code::Invalid,
               fmt::format("{} payloads have {} bytes together; at most {} bytes can be decoded at "
                           "once: take fewer",
                           payloads.size(), bytes, kBytesPerBatchMax)};
}

class AvroDecoder final : public PayloadDecoder {
 public:
  AvroDecoder(AvroSchema reader, SchemasById writers)
      : reader_(std::move(reader)), writers_(std::move(writers)), column_(reader_.type) {}

  Result<Values> decode(std::span<const std::string_view> payloads,
                        const std::vector<bool>& valid) override;

 private:
  // How payloads of one writer are read, or why they cannot be.
  struct Writer {
    std::optional<AvroAction> action;
    std::string problem;
    bool unknown = false;  // to the registry, as far as it said
  };

  Result<const Writer*> writer(int32_t id);
  Result<Writer> made(int32_t id) const;
  static Writer compiled(const AvroNode& writer, const AvroNode& reader);
  Result<std::string> decode_one(std::string_view payload);

  AvroSchema reader_;
  SchemasById writers_;
  Column column_;
  int64_t bytes_left_ = 0;
  std::map<int32_t, Writer> known_;
};

AvroDecoder::Writer AvroDecoder::compiled(const AvroNode& writer, const AvroNode& reader) {
  auto action = resolved(writer, reader);
  if (!action) return {std::nullopt, action.error().message};
  return {*std::move(action), ""};
}

Result<AvroDecoder::Writer> AvroDecoder::made(int32_t id) const {
  auto found = writers_(id);
  if (!found && found.error().code == Code::NotFound) {
    return Writer{std::nullopt, found.error().message, true};
  }
  RegisteredSchema schema = TRY(std::move(found));
  if (schema.form != RegisteredSchema::Form::Avro) {
    return Writer{std::nullopt, fmt::format("the schema {} is not one of Avro", id)};
  }
  auto parsed = parse_avro(schema.text, schema.references);
  if (!parsed)
    return Writer{std::nullopt, fmt::format("schema {}: {}", id, parsed.error().message)};
  return compiled(*parsed->root, *reader_.root);
}

// The id 0 stands for the reader's schema where payloads are bare.
Result<const AvroDecoder::Writer*> AvroDecoder::writer(int32_t id) {
  auto found = known_.find(id);
  if (found != known_.end()) return &found->second;
  Writer fresh = writers_ ? TRY(made(id)) : compiled(*reader_.root, *reader_.root);
  if (known_.size() >= kWritersMax) known_.clear();
  return &(known_[id] = std::move(fresh));
}

// Why the payload cannot be read, or "".
Result<std::string> AvroDecoder::decode_one(std::string_view payload) {
  int32_t id = 0;
  if (writers_) {
    auto frame = unframed(payload);
    if (!frame) return std::move(frame).error().message;
    id = frame->id;
    payload = frame->payload;
  }
  const Writer* how = TRY(writer(id));
  if (!how->action) return how->problem;
  int64_t before = kBytesPerBatchMax - bytes_left_;  // spent
  AvroCursor cursor(payload, bytes_left_);
  if (!cursor.read(*how->action, &column_)) {
    // Of all together; a payload that takes half of it alone is to blame itself.
    if (!cursor.too_large() || before < kBytesPerBatchMax / 2) return cursor.problem();
    return Error{Code::Invalid, "payloads take more than 1 GiB once decoded: take fewer at once"};
  }
  if (writers_ && !cursor.at_end()) {
    return std::string("malformed Avro: more bytes than the value has");
  }
  return std::string();
}

Result<PayloadDecoder::Values> AvroDecoder::decode(std::span<const std::string_view> payloads,
                                                   const std::vector<bool>& valid) {
  TRY(check_size(payloads));
  bytes_left_ = kBytesPerBatchMax;
  std::erase_if(known_, [](const auto& entry) { return entry.second.unknown; });
  Values out;
  column_.truncate(0);
  column_.reserve(static_cast<int64_t>(payloads.size()));
  for (size_t i = 0; i < payloads.size(); ++i) {
    if (!valid.empty() && !valid[i]) {
      column_.append_null();
      continue;
    }
    int64_t left = bytes_left_;
    std::string reason = TRY(decode_one(payloads[i]));
    if (reason.empty()) [[likely]]
      continue;
    bytes_left_ = left;  // what it took goes again
    column_.truncate(static_cast<int64_t>(i));
    column_.append_null();
    out.failures.push_back({static_cast<int64_t>(i), std::move(reason)});
  }
  out.array = column_.finish();
  return out;
}

}  // namespace

Result<Frame> unframed(std::string_view bytes) {
  if (bytes.size() < kFrameBytes || bytes[0] != '\0') {
    return Error{Code::Invalid, "not framed: a zero and a schema's id should precede the payload"};
  }
  uint32_t id = 0;
  for (size_t i = 1; i < kFrameBytes; ++i) id = id << 8 | static_cast<uint8_t>(bytes[i]);
  return Frame{static_cast<int32_t>(id), bytes.substr(kFrameBytes)};
}

std::string framed(int32_t id, std::string_view payload) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<uint32_t>(id) >> shift & 0xFF);
  }
  return out.append(payload);
}

std::unique_ptr<PayloadDecoder> make_avro_decoder(AvroSchema reader, SchemasById writers) {
  return std::make_unique<AvroDecoder>(std::move(reader), std::move(writers));
}

}  // namespace ticklake::formats
