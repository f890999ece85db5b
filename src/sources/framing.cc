#include "sources/framing.h"

#include <arrow/array.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "formats/formats.h"
#include "sources/alpha_vantage_answer.h"

namespace ticklake::sources {
namespace {

using Json = nlohmann::ordered_json;
using Form = RecordForm::Kind;

// A name that Avro allows.
std::string record_name(const std::string& topic) {
  std::string out;
  for (char c : topic) out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0])) != 0) out.insert(0, "_");
  return out;
}

// A field that may be missing has null as its default, so that it may be taken away or added later.
Result<std::string> avro_text(const Schema& schema, const std::string& name) {
  std::string text = TRY(formats::avro_of(Type::structure(schema.fields), false, name));
  Json json = Json::parse(text, nullptr, false);
  for (Json& field : json["fields"]) {
    if (!field["type"].is_array()) continue;
    field["type"] = Json::array({"null", field["type"][0]});
    field["default"] = nullptr;
  }
  return json.dump();
}

// The value of a record from the JSON that the source made of it.
class Framer {
 public:
  static Result<Framer> make(const SourceSpec& spec, broker::SchemaRegistry& registry) {
    Framer out;
    Schema columns = record_columns(spec);
    RegisteredSchema schema;
    if (spec.records.kind == Form::Avro) {
      schema.text = TRY(avro_text(columns, record_name(spec.topic)));
      auto parsed = TRY(formats::parse_avro(schema.text));
      out.decoder_ = TRY(formats::make_json_decoder(columns));
      out.encoder_ = TRY(formats::AvroEncoder::make(Type::structure(columns.fields), parsed));
    } else {
      schema.form = RegisteredSchema::Form::Json;
      schema.text = formats::json_schema_of(columns, record_name(spec.topic));
    }
    out.id_ = spec.records.registers ? TRY(registry.add(spec.records.subject, schema))
                                     : TRY(registry.find(spec.records.subject, schema));
    return out;
  }

  // What no schema can hold (a tick that is broken on purpose) stays as it is, without a frame.
  Result<std::string> framed(const std::string& json) {
    if (!encoder_) return formats::framed(id_, json);
    std::string_view text = json;
    auto values = TRY(decoder_->decode({&text, 1}, {}));
    if (!values.failures.empty()) return json;
    payload_.clear();
    TRY(encoder_->encode(*values.array, 0, payload_));
    return formats::framed(id_, payload_);
  }

 private:
  int32_t id_ = 0;
  std::unique_ptr<formats::PayloadDecoder> decoder_;
  std::unique_ptr<formats::AvroEncoder> encoder_;
  std::string payload_;
};

class FramingWriter final : public broker::Writer {
 public:
  FramingWriter(std::unique_ptr<broker::Writer> writer, Framer& framer)
      : writer_(std::move(writer)), framer_(framer) {}

  Result<void> append(broker::Record record, std::optional<Partition> partition) override {
    if (record.value) record.value = TRY(framer_.framed(*record.value));
    return writer_->append(std::move(record), partition);
  }
  Result<void> flush() override { return writer_->flush(); }

 private:
  std::unique_ptr<broker::Writer> writer_;
  Framer& framer_;
};

class FramingTopics final : public broker::Topics {
 public:
  FramingTopics(broker::Topics& topics, std::string topic, Framer framer)
      : topics_(topics), topic_(std::move(topic)), framer_(std::move(framer)) {}

  Result<std::vector<std::string>> list() override { return topics_.list(); }
  Result<broker::TopicInfo> describe(const std::string& topic) override {
    return topics_.describe(topic);
  }
  Result<void> create(const std::string& topic, const broker::TopicOptions& options) override {
    return topics_.create(topic, options);
  }
  Result<void> remove(const std::string& topic) override { return topics_.remove(topic); }
  Result<std::unique_ptr<broker::Reader>> read(const std::string& topic,
                                               const std::map<Partition, Offset>& from) override {
    return topics_.read(topic, from);
  }
  Result<std::unique_ptr<broker::Writer>> write(const std::string& topic) override {
    auto writer = TRY(topics_.write(topic));
    if (topic != topic_) return writer;
    return std::unique_ptr<broker::Writer>(
        std::make_unique<FramingWriter>(std::move(writer), framer_));
  }
  Result<std::map<Partition, broker::Record>> last_records(const std::string& topic) override {
    return topics_.last_records(topic);
  }
  Result<std::map<Partition, Offset>> offsets_at(const std::string& topic,
                                                 int64_t timestamp_ms) override {
    return topics_.offsets_at(topic, timestamp_ms);
  }
  Result<void> publish_offsets(const std::string& group, const std::string& topic,
                               const std::map<Partition, Offset>& next) override {
    return topics_.publish_offsets(group, topic, next);
  }
  Result<std::map<Partition, Offset>> group_offsets(const std::string& group,
                                                    const std::string& topic) override {
    return topics_.group_offsets(group, topic);
  }
  std::string name() const override { return topics_.name(); }

 private:
  broker::Topics& topics_;
  std::string topic_;
  Framer framer_;
};

}  // namespace

Result<void> register_schema(const SourceSpec& spec, broker::SchemaRegistry& registry) {
  TRY(Framer::make(spec, registry));
  return {};
}

Schema record_columns(const SourceSpec& spec) {
  if (const auto* csv = std::get_if<CsvSpec>(&spec.form)) return csv->schema;
  if (const auto* bars = std::get_if<AlphaVantageSpec>(&spec.form)) return bar_columns(*bars);
  return {{{"symbol", Kind::String},
           {"ts", Kind::Timestamp},
           {"price", Kind::Double},
           {"size", Kind::Long},
           {"venue", Kind::String},
           {"seq", Kind::Long}}};
}

Result<std::unique_ptr<broker::Topics>> framing_topics(
    const SourceSpec& spec, broker::Topics& topics,
    const std::shared_ptr<broker::SchemaRegistry>& registry) {
  auto located = [&](Error error) {
    error.message = fmt::format("{}: {}", spec.file, error.message);
    return error;
  };
  if (!registry) {
    return located({Code::Invalid,
                    "records with a schema need a schema registry: set registry.url "
                    "in the configuration of spark-pipeline.yml"});
  }
  auto framer = Framer::make(spec, *registry);
  if (!framer) return located(std::move(framer).error());
  return std::unique_ptr<broker::Topics>(
      std::make_unique<FramingTopics>(topics, spec.topic, *std::move(framer)));
}

}  // namespace ticklake::sources
