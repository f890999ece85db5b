#include "app/payloads.h"

#include <arrow/record_batch.h>
#include <fmt/format.h>

namespace ticklake::app {

Result<FramedValues::Known*> FramedValues::known(int32_t id) {
  if (auto found = known_.find(id); found != known_.end()) return &found->second;
  RegisteredSchema schema = TRY(registry_->by_id(id));
  Known fresh;
  if (schema.form == RegisteredSchema::Form::Avro) {
    auto parsed = TRY(formats::parse_avro(schema.text, schema.references));
    fresh.schema.fields.push_back({"value", parsed.type});
    fresh.decoder = formats::make_avro_decoder(std::move(parsed));
  } else if (schema.form != RegisteredSchema::Form::Json) {
    return Error{Code::Unsupported, fmt::format("schema {} is neither Avro nor JSON Schema", id)};
  }
  return &(known_[id] = std::move(fresh));
}

Result<std::string> FramedValues::to_json(std::string_view value) {
  auto frame = TRY(formats::unframed(value));
  Known* how = TRY(known(frame.id));
  if (!how->decoder) return std::string(frame.payload);
  auto values = TRY(how->decoder->decode({&frame.payload, 1}, {}));
  if (!values.failures.empty()) return Error{Code::Invalid, values.failures[0].reason};
  auto batch = arrow::RecordBatch::Make(ticklake::to_arrow(how->schema), 1, {values.array});
  std::string json = TRY(formats::to_json(*batch, how->schema, 0));
  constexpr std::string_view kHead = "{\"value\":";
  return json.size() > kHead.size() ? json.substr(kHead.size(), json.size() - kHead.size() - 1)
                                    : std::string("null");
}

Result<FramedTexts> FramedTexts::open(broker::SchemaRegistry& registry, const std::string& subject,
                                      bool avro) {
  auto latest = TRY(registry.latest(subject));
  using Form = RegisteredSchema::Form;
  if (latest.schema.form != (avro ? Form::Avro : Form::Json)) {
    const char* found = latest.schema.form == Form::Avro ? "one of Avro; write --format avro"
                        : latest.schema.form == Form::Json
                            ? "a JSON Schema; write --format json_schema"
                            : "neither Avro nor JSON Schema";
    return Error{Code::Invalid, fmt::format("the newest schema of {} is {}", subject, found)};
  }
  FramedTexts out;
  out.id_ = latest.id;
  if (avro) {
    auto schema = TRY(formats::parse_avro(latest.schema.text, latest.schema.references));
    if (schema.type.kind != Kind::Struct) {
      return Error{Code::Unsupported,
                   fmt::format("the schema of {} is no record, so no JSON object is one", subject)};
    }
    out.decoder_ = TRY(formats::make_json_decoder(Schema{*schema.type.children}));
    out.encoder_ = TRY(formats::AvroEncoder::make(schema.type, schema));
    return out;
  }
  auto schema = TRY(formats::schema_from_json_schema(latest.schema.text));
  out.decoder_ = TRY(formats::make_json_decoder(schema));
  return out;
}

Result<std::string> FramedTexts::from_json(std::string_view text) {
  auto values = TRY(decoder_->decode({&text, 1}, {}));
  if (!values.failures.empty()) return Error{Code::Invalid, values.failures[0].reason};
  if (!encoder_) return formats::framed(id_, text);
  std::string payload;
  TRY(encoder_->encode(*values.array, 0, payload));
  return formats::framed(id_, payload);
}

}  // namespace ticklake::app
